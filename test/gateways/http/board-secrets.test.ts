/** Boards over every transport at once, whose secret ends while they are here. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { UdpDevice } from "../../../clients/udp/src/device.ts";
import { udpNetwork } from "../../../clients/udp/src/network.ts";
import { Device } from "../../process/device.ts";
import { SECRET } from "../classic/bytes.ts";
import { ClassicBoard, OK, SERVER } from "../classic/datagrams.ts";
import { ClassicSocket } from "../classic/socket.ts";
import { startWholeNode } from "./whole-node.ts";

const ROTATED = "the secret of the board was replaced";
const KICKED = 4201;

async function start() {
  const [port, udpPort] = [await freeUdpPort(), await freeUdpPort()];
  const classic = { enabled: true, secret: SECRET, registers: true, udpEnabled: true, udpPort };
  const node = await startWholeNode({ udp: { enabled: true, port }, classic });
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

test("over WebSocket a rotated secret ends the board's connection and its tokens", async () => {
  const { websocket, mint, rotate, call } = await start();
  const token = await mint({ board: "17" });
  const board = await Device.login(websocket, token);
  const kick = board.next(({ type }) => type === "kick");
  await rotate();
  expect(await kick).toMatchObject({ reason: "kicked", message: ROTATED });
  expect(await board.closed).toBe(KICKED);
  await expect(Device.login(websocket, token)).rejects.toThrow("closed with 4202");
  expect(JSON.stringify(await call("GET", "/v1/devices/board:17/why"))).toContain(
    "the board has another secret since it was made",
  );
  const next = await Device.login(websocket, await mint({ board: "17" }));
  await next.ping();
  next.close();
});

test("over UDP a rotated secret ends the board's channel, and its next one is let in", async () => {
  const { secretOf, overUdp, rotate, call } = await start();
  const old = await secretOf();
  const { closed } = await overUdp(old);
  await rotate();
  expect(await closed).toBe("kicked");
  expect(JSON.stringify(await call("GET", "/v1/devices/board:17/why"))).toContain(ROTATED);
  await expect(overUdp(old)).rejects.toThrow("unauthorized");
  const { device } = await overUdp(await secretOf());
  device.close();
});

test("a rotated secret puts classic boards out, and ends their cookies", async () => {
  const { url, udpPort, call, rotate } = await start();
  const lamp = await ClassicSocket.open(Number(new URL(url).port));
  expect(await lamp.login(-17n, { clock: Date.now() })).toEqual([0]);
  await rotate();
  expect(await lamp.closed).toBe(KICKED);

  const board = new ClassicBoard(udpPort, 5);
  onTestFinished(() => board.close());
  await board.connect("Lamp");
  await call("POST", `/v1/boards/${-board.id}/rotate-secret`);
  expect((await board.heartbeat()).code).toBe(SERVER);
  expect((await board.login()).code).not.toBe(OK);
});

test("a board that is forgotten has no connection, no token and no secret any more", async () => {
  const { websocket, mint, secretOf, overUdp, call } = await start();
  const [token, secret] = [await mint({ board: "17" }), await secretOf()];
  const board = await Device.login(websocket, token);
  await call("DELETE", "/v1/boards/17");
  expect(await board.closed).toBe(KICKED);
  await call("PUT", "/v1/boards/17", {});
  await expect(Device.login(websocket, token)).rejects.toThrow("closed with 4202");
  await expect(overUdp(secret)).rejects.toThrow("unauthorized");
});
