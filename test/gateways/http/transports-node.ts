import { createSocket } from "node:dgram";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { UdpDevice } from "../../../clients/udp/src/device.ts";
import { udpNetwork } from "../../../clients/udp/src/network.ts";
import { SECRET } from "../classic/bytes.ts";
import { startWholeNode } from "./whole-node.ts";

/** A whole node with every transport, and a board that is registered as 17. */
export async function startTransports(config: Readonly<Record<string, object>> = {}) {
  const [port, udpPort] = [await freeUdpPort(), await freeUdpPort()];
  const classic = { enabled: true, secret: SECRET, registers: true, udpEnabled: true, udpPort };
  const node = await startWholeNode({ udp: { enabled: true, port }, classic, ...config });
  onTestFinished(() => node.stop());
  await node.call("PUT", "/v1/boards/17", {});
  const secretOf = async () => (await node.call("GET", "/v1/boards/17/secret")).secret as string;
  /** Resolves with the device, or with why it was not let in. */
  const overUdp = (secret: string): Promise<{ device: UdpDevice; closed: Promise<string> }> =>
    new Promise((resolve, reject) => {
      const ended = Promise.withResolvers<string>();
      const device = new UdpDevice({
        key: { type: "device", principal: "board:17", device: "board" },
        ...{ network: udpNetwork("127.0.0.1", port), secret: Buffer.from(secret, "base64url") },
        onState(state, why) {
          if (state === "connected") resolve({ device, closed: ended.promise });
          else if (state === "closed") {
            ended.resolve(why);
            reject(new Error(why));
          }
        },
      });
      onTestFinished(() => device.drop());
    });
  const rotate = () => node.call("POST", "/v1/boards/17/rotate-secret");
  return { ...node, udpPort, secretOf, overUdp, rotate };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}
