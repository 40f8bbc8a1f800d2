import { onTestFinished } from "vitest";
import { freeUdpPort } from "../../testkit/free-udp-port.ts";
import { connectUdp } from "../../testkit/udp.ts";
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
  const overUdp = async (secret: string) => {
    const ended = Promise.withResolvers<string>();
    const device = await connectUdp(port, {
      key: { type: "device", principal: "board:17", device: "board" },
      secret: Buffer.from(secret, "base64url"),
      onState: (state, why) => state === "closed" && ended.resolve(why),
    });
    return { device, closed: ended.promise };
  };
  const rotate = () => node.call("POST", "/v1/boards/17/rotate-secret");
  return { ...node, udpPort, secretOf, overUdp, rotate };
}
