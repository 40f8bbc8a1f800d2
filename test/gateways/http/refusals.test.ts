/** What `why` says of log-ins that were refused, over every transport. */
import { expect, onTestFinished, test } from "vitest";
import { Device } from "../../process/device.ts";
import { SECRET } from "../classic/bytes.ts";
import { ClassicBoard, OK } from "../classic/datagrams.ts";
import { ClassicSocket } from "../classic/socket.ts";
import { startTransports } from "./transports-node.ts";

async function start() {
  const node = await startTransports();
  const why = async (id: string): Promise<string[]> => {
    const { events } = await node.call("GET", `/v1/devices/${id}/why`);
    return events.map(({ words }: { words: string }) => words);
  };
  const old = async (id: bigint, facts: { clock?: number; secret?: string }) => {
    const socket = await ClassicSocket.open(Number(new URL(node.url).port));
    const answer = await socket.login(id, { clock: Date.now(), ...facts });
    await socket.closed;
    return answer;
  };
  return { ...node, why, old };
}

test("whoever had not the secret is told of as somebody, over UDP", async () => {
  const { overUdp, why, call } = await start();
  const wrong = Buffer.alloc(32, 1).toString("base64url");
  await expect(overUdp(wrong)).rejects.toThrow("unauthorized");
  const from = "somebody who said to be board was not let in over udp from 127.0.0.1: ";
  expect(await why("board:17")).toEqual([
    expect.stringContaining(`${from}it did not have the secret of this device (auth.invalid)`),
  ]);
  await call("DELETE", "/v1/boards/17");
  await expect(overUdp(wrong)).rejects.toThrow("unauthorized");
  expect(await why("board:17")).toEqual([
    expect.stringContaining(`${from}nobody of that name has a secret here (auth.invalid)`),
  ]);
});

test("a classic log-in that was refused is told of with what was wrong with it", async () => {
  const { old, why } = await start();
  expect(await old(-17n, { secret: `${SECRET}!` })).toEqual([6]);
  expect(await old(-17n, { clock: Date.now() - 3_600_000 })).toEqual([4]);
  expect(await old(33n, {})).toEqual([3]);
  expect(await why("board:17")).toEqual([
    expect.stringMatching(/^somebody who said to be classic .* not made with classic\.secret/),
    expect.stringMatching(/^classic was not let in over classic .* its clock is not the node's/),
  ]);
  expect(await why("user:32")).toEqual([
    expect.stringContaining("a phone logs in with its user's number, a multiple of 16"),
  ]);
});

test("a classic board whose cookie is not its own is told of", async () => {
  const { udpPort, why } = await start();
  const board = new ClassicBoard(udpPort, 6);
  onTestFinished(() => board.close());
  await board.open();
  board.cookie = Buffer.alloc(64);
  board.cookie.write("17|not the cookie");
  expect((await board.login()).code).not.toBe(OK);
  expect(await why("board:17")).toEqual([
    expect.stringMatching(/over classic from 127.*the cookie is not that of this board/),
  ]);
});

test("strangers do not drive out what is known of a device", async () => {
  const { websocket, mint, why } = await start();
  const credential = await mint({ user: "ann" });
  const forged = `${credential.slice(0, credential.lastIndexOf("."))}.AAAA`;
  const phone = await Device.login(websocket, credential);
  for (let times = 0; times < 30; times += 1) {
    await expect(Device.login(websocket, forged)).rejects.toThrow("closed with 4202");
  }
  expect(await why("user:ann")).toEqual([
    expect.stringMatching(/^test connected over websocket/),
    expect.stringMatching(/^somebody who said to be test .* has a signature of another key/),
  ]);
  phone.close();
});

test("how a device over UDP has left is told as it was", async () => {
  const { overUdp, secretOf, why, call, login } = await start();
  await call("POST", "/v1/boards/17/bind", { user: "ann" });
  const phone = await login({ user: "ann" });
  const { device } = await overUdp(await secretOf());
  const offline = phone.next(({ type, payload }) => {
    return type === "push" && (payload as { event?: string }).event === "device.offline";
  });
  device.close();
  await offline;
  phone.close();
  expect(await why("board:17")).toContain(
    "the connection of board ended: the device said good-bye",
  );
});
