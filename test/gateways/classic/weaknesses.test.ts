/**
 * What the replaced proxy got wrong in its codec, over UDP and in its WebSocket server, and that
 * it is right here. Others of the list are in `login.test.ts`, `udp.test.ts` and
 * `test/process/classic.test.ts`; every title begins with the number of the weakness.
 */
import { expect, test } from "vitest";
import { readStatus, writeStatus } from "../../../src/gateways/classic/status.ts";
import { boardsNode } from "./boards-node.ts";
import { message, statusOf } from "./bytes.ts";
import { classicNode } from "./classic-node.ts";
import { OK } from "./datagrams.ts";

const USER = 4096n;
const BOARD = -17n;

test("weakness 1: every kind of upload of a board is taken, and everything goes on", async () => {
  const { device, outbox } = classicNode();
  const board = await device(BOARD);
  for (let messageId = 0x30; messageId < 0x60; messageId += 1) {
    const said = { opcode: 2, messageId, sequence: messageId, source: BOARD };
    board.send(message({ ...said, body: Buffer.alloc(messageId & 3) }));
    expect(await board.nextMessage()).toMatchObject({ messageId, isAck: true });
  }
  const uploads = await outbox.read({ after: 0, limit: 100 });
  expect(uploads).toHaveLength(0x30);
  expect(uploads.slice(0, 3).map(({ kind }) => kind)).toEqual(["state", "alarm", "classic.50"]);
});

test("weakness 2: with no board over UDP at all, a phone is answered", async () => {
  const { device, relations, udp } = await boardsNode();
  relations.bind("4096", "107");
  const phone = await device(USER);
  for (let n = 0; n < 3; n += 1) {
    phone.send(message({ destination: -107n, source: USER }));
    expect(statusOf(await phone.nextMessage())).toMatchObject({ type: 10, id: -107n });
  }
  expect(udp.sessions).toBe(0);
});

test("weakness 2: boards that come and go in any order leave all others reachable", async () => {
  const { board, relations, phone } = await boardsNode();
  const boards = [1, 2, 3, 4].map((mark) => board(mark));
  for (const [index, one] of boards.entries()) {
    relations.bind("ann", `${101 + index}`);
    await one.connect();
  }
  await boards[1]!.ask(boards[1]!.bytesOf(0xe6, boards[1]!.sid));
  await boards[3]!.ask(boards[3]!.bytesOf(0xe6, boards[3]!.sid));
  const { connection } = await phone("ann");
  const payload = { messageId: 0x40, body: "" };
  connection.send({ type: "send", id: 1, to: "boards", topic: "classic", payload });
  expect(await connection.next("sent")).toMatchObject({ reached: 2 });
  for (const one of [boards[0]!, boards[2]!]) {
    expect((await one.delivered()).messageId).toBe(0x40);
  }
});

test("weakness 3: each of the fifteen phones has its own messages, whichever it is", async () => {
  const { device, relations } = classicNode();
  relations.bind("4096", "17");
  const board = await device(BOARD);
  const phones = [];
  for (let slot = 1; slot <= 15; slot += 1) phones.push(await device(USER, slot));
  for (let slot = 1; slot <= 15; slot += 1) {
    board.send(message({ destination: USER + BigInt(slot), source: BOARD, body: Buffer.of(slot) }));
  }
  for (const [index, phone] of phones.entries()) {
    expect([...(await phone.nextMessage()).body]).toEqual([index + 1]);
  }
  await board.heartbeat();
  expect(phones.map(({ left }) => left)).toEqual(phones.map(() => 0));
});

test("weakness 3: the payload of a status is where its length says, for every length", () => {
  for (let length = 0; length <= 255; length += 1) {
    const payload = Buffer.alloc(length, length);
    const body = writeStatus({ type: 9, id: BOARD, payload });
    expect([body.length, body[9]]).toEqual([10 + length, length]);
    expect(body.subarray(10).equals(payload)).toBe(true);
    expect(readStatus(body)).toEqual({ ok: true, value: { type: 9, id: BOARD, payload } });
  }
});

test("weakness 3: a board may register without a name, and with one of 255 bytes", async () => {
  const { board, registered } = await boardsNode();
  for (const [mark, name] of [
    [1, ""],
    [2, "x".repeat(255)],
    [3, "Küche 🎉"],
  ] as const) {
    const one = board(mark);
    await one.open();
    expect((await one.register(name)).code).toBe(OK);
  }
  expect(registered.map(({ name }) => name.length)).toEqual([0, 255, 8]);
});

test("weakness 4: what is no message is counted, whatever its length", async () => {
  const { board, udp } = await boardsNode();
  const lamp = board(7);
  await lamp.connect();
  const right = lamp.bytesOf(0xe5, lamp.sid);
  let sent = 0;
  for (let length = 0; length < right.length; length += 1) {
    await lamp.raw(right.subarray(0, length));
    sent += 1;
  }
  for (let at = 0; at < right.length; at += 1) {
    const wrong = Buffer.from(right);
    wrong[at]! ^= 0x10;
    await lamp.raw(wrong);
    sent += 1;
  }
  expect((await lamp.ask(right)).code).toBe(OK);
  expect(lamp.left).toBe(0);
  const { dropped } = udp.counts;
  expect((dropped.get("malformed") ?? 0) + (dropped.get("no-session") ?? 0)).toBe(sent);
});

test("weakness 6: nobody logs in with another secret than the configured one", async () => {
  const { open, node } = classicNode();
  const clock = node.clock.now();
  for (const secret of ["", "a secret of no wort", "A secret of no worth"]) {
    expect(await (await open()).login(BOARD, { clock, secret })).toEqual([6]);
  }
});

test("weakness 6: a phone cannot speak for another phone, or for the server", async () => {
  const { device, relations } = classicNode();
  relations.bind("4096", "17");
  const board = await device(BOARD);
  const phone = await device(USER);
  for (const source of [USER + 9n, 8192n, 0n, BOARD]) {
    phone.send(message({ destination: BOARD, source }));
    expect((await board.nextMessage()).source).toBe(USER + 1n);
  }
});

test("weakness 6: a device of today cannot speak for another one in classic bytes", async () => {
  const { device, relations, phone } = classicNode();
  relations.bind("ann", "17");
  relations.bind("4096", "17");
  const board = await device(BOARD);
  const { connection } = await phone("ann");
  const forged = message({ destination: -99n, source: USER + 1n, body: Buffer.from("open") });
  const payload = { bytes: forged.toString("base64") };
  connection.send({ type: "send", id: 1, to: "board:17", topic: "classic", payload });
  expect(await board.nextMessage()).toMatchObject({ source: 0n, destination: BOARD });
});

test("weakness 7: a message of 32 KiB goes down as it came up; more is counted", async () => {
  const { device, relations, classic } = classicNode();
  relations.bind("4096", "17");
  const [board, phone] = [await device(BOARD), await device(USER)];
  const body = Buffer.alloc(32_768 - 36, 0xa5);
  phone.send(message({ destination: BOARD, source: USER, body }));
  expect((await board.nextMessage()).body.equals(body)).toBe(true);
  board.send(message({ destination: USER, source: BOARD, body }));
  expect((await phone.nextMessage()).body.equals(body)).toBe(true);
  phone.send(message({ destination: BOARD, source: USER, body: Buffer.alloc(32_768) }));
  await phone.heartbeat();
  expect(classic.counts.dropped.get("too-large")).toBe(1);
});
