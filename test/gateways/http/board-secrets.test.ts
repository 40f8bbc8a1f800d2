/** Boards over every transport at once, whose secret ends while they are here. */
import { expect, onTestFinished, test } from "vitest";
import { Device } from "../../process/device.ts";
import { ClassicBoard, OK, SERVER } from "../classic/datagrams.ts";
import { ClassicSocket } from "../classic/socket.ts";
import { startTransports } from "./transports-node.ts";

const ROTATED = "the secret of the board was replaced";
const KICKED = 4201;

test("over WebSocket a rotated secret ends the board's connection and its tokens", async () => {
  const { websocket, mint, rotate, call } = await startTransports();
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
  const { secretOf, overUdp, rotate, call } = await startTransports();
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
  const { url, udpPort, call, rotate } = await startTransports();
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
  const { websocket, mint, secretOf, overUdp, call } = await startTransports();
  const [token, secret] = [await mint({ board: "17" }), await secretOf()];
  const board = await Device.login(websocket, token);
  await call("DELETE", "/v1/boards/17");
  expect(await board.closed).toBe(KICKED);
  await call("PUT", "/v1/boards/17", {});
  await expect(Device.login(websocket, token)).rejects.toThrow("closed with 4202");
  await expect(overUdp(secret)).rejects.toThrow("unauthorized");
});
