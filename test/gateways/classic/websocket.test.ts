/** Classic boards and phones over real WebSockets, among themselves and with devices of today. */
import { expect, test } from "vitest";
import {
  STATUS_EVENTS,
  STATUS_TOPIC,
  type StatusEvent,
  statusOf as statusOfEvent,
} from "../../../src/core/relations.ts";
import { message, read, statusOf } from "./bytes.ts";
import { classicNode } from "./classic-node.ts";

const USER = 4096n;
const BOARD = -17n;

test("a board is answered one byte, a phone its slot, and a heartbeat by another", async () => {
  const { open, node } = classicNode();
  const clock = node.clock.now();
  const board = await open();
  expect(await board.login(BOARD, { clock })).toEqual([0]);
  const phones = [await open(), await open()] as const;
  expect(await phones[0].login(USER, { clock, timeout: 30 })).toEqual([0, 1]);
  expect(await phones[1].login(USER, { clock, timeout: 31 })).toEqual([0, 2]);
  await board.heartbeat();
  await phones[1].heartbeat();
});

test("where the limit of messages per second is 0 there is none", async () => {
  const { device } = classicNode({ limits: { framesPerSecond: 0, framesBurst: 1 } });
  const board = await device(BOARD);
  for (let n = 0; n < 5; n += 1) await board.heartbeat();
});

test("a classic phone and its classic board write to each other, each by its number", async () => {
  const { relations, device } = classicNode();
  relations.bind("4096", "17");
  const board = await device(BOARD);
  const [first, second] = [await device(USER, 30), await device(USER, 31)];

  const asked = message({ destination: BOARD, source: USER, body: Buffer.from("on?") });
  first.send(asked);
  const got = await board.nextMessage();
  // Who it is from is for the node to say: the phone's own number has its slot.
  expect(got).toMatchObject({ source: USER + 1n, destination: BOARD, messageId: 0x32 });
  expect(got.body.toString()).toBe("on?");

  board.send(message({ destination: USER + 1n, source: BOARD, body: Buffer.from("one") }));
  expect((await first.nextMessage()).body.toString()).toBe("one");
  board.send(message({ destination: USER, source: BOARD, body: Buffer.from("user") }));
  board.send(message({ destination: 0n, source: BOARD, body: Buffer.from("all") }));
  for (const phone of [first, second]) {
    expect((await phone.nextMessage()).body.toString()).toBe("user");
    expect((await phone.nextMessage()).body.toString()).toBe("all");
  }
  expect(second.left).toBe(0);
});

test("a phone of today asks a classic board, and gets its answer", async () => {
  const { relations, device, phone } = classicNode();
  relations.bind("ann", "17");
  const board = await device(BOARD);
  const { connection } = await phone("ann");
  const payload = { messageId: 0x40, body: Buffer.from("colour").toString("base64") };
  const send = { type: "send", id: 1, to: "board:17", topic: "classic", payload };
  connection.send({ ...send, answerWithinMs: 5000 });
  const asked = await board.nextMessage();
  // Her name is no number, so that the message comes from the server itself.
  expect(asked).toMatchObject({ messageId: 0x40, destination: BOARD, source: 0n });
  const answer = { ...asked, isAck: true, body: Buffer.from("red"), source: BOARD };
  board.send(message({ ...answer, destination: 0n }));
  const told = await connection.next("answer");
  expect(told).toMatchObject({ id: 1, payload: { messageId: 0x40 } });
  const body = (told["payload"] as { readonly body: string }).body;
  expect(Buffer.from(body, "base64").toString()).toBe("red");
});

test("a phone of today gets what a classic board says, byte by byte", async () => {
  const { relations, device, phone } = classicNode();
  relations.bind("ann", "17");
  const board = await device(BOARD);
  const { connection } = await phone("ann");
  board.send(message({ source: BOARD, messageId: 0x41, body: Buffer.from([1, 2, 3]) }));
  const told = await connection.next("message");
  const payload = told["payload"] as { readonly bytes: string; readonly body: string };
  expect(told).toMatchObject({ from: "board:17", topic: "classic", payload: { messageId: 0x41 } });
  expect([...Buffer.from(payload.body, "base64")]).toEqual([1, 2, 3]);
  expect(read(Buffer.from(payload.bytes, "base64"))).toMatchObject({ source: BOARD });
});

test("a board's coming and going is told to classic phones as 0x36", async () => {
  const { relations, device, phone } = classicNode();
  relations.view("ann", { "board:17": "owner", "4096": "member" }, "ann");
  relations.view("4096", { "board:17": "member", ann: "owner" }, "ann");
  relations.view("board:17", { ann: "owner", "4096": "member" }, "ann");
  const old = await device(USER);
  const { connection } = await phone("ann");
  const board = await device(BOARD);
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 9, id: BOARD });
  board.close();
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 10, id: BOARD });
  const isOffline = (push: unknown) => JSON.stringify(push).includes('"device.offline"');
  await connection.raw.until(() => connection.frames.some(isOffline));
  await old.heartbeat();
  expect(old.left).toBe(0);
});

test("a phone is told each of the thirteen events by its number", async () => {
  const { device, node } = classicNode();
  const phone = await device(USER);
  const expiresAt = node.clock.now() + 60_000;
  const events = Object.keys(STATUS_EVENTS) as StatusEvent[];
  const told: [number, bigint, string][] = [];
  for (const event of events) {
    const about = /^(board|device)/.test(event) ? { board: "17" } : {};
    const facts = { event, user: "4096", family: "8192", reason: "new password", at: 0, ...about };
    const payload = JSON.stringify(statusOfEvent(facts));
    const item = { user: "4096", id: event, ledger: "status", topic: STATUS_TOPIC, payload };
    await node.inbox.append([{ ...item, ack: true, expiresAt }]);
    const { type, id, payload: more } = statusOf(await phone.nextMessage());
    const isNumber = more.length === 8;
    told.push([type, id, isNumber ? `${more.readBigInt64LE()}` : more.toString()]);
  }
  const family = [1, 2, 3, 4, 5, 6].map((type) => [type, USER, "8192"]);
  const board = [
    [7, BOARD, "4096"],
    [8, BOARD, "4096"],
    [9, BOARD, ""],
    [10, BOARD, ""],
  ];
  const user = [
    [11, USER, ""],
    [12, USER, ""],
    [13, USER, "new password"],
  ];
  expect(told).toEqual([...family, ...board, ...user]);
  expect(phone.left).toBe(0);
});

test("who is put out hears why: a phone by a message, and by the close code", async () => {
  const { node, device } = classicNode({
    node: {
      user: {
        login: {
          phone: { policy: "newest", max: 1, whenFull: "oldest" },
          board: { policy: "many", max: 1, whenFull: "refuse" },
        },
      },
    },
  });
  const first = await device(USER, 30);
  await node.serves();
  const second = await device(USER, 31);
  const { type, id, payload } = statusOf(await first.nextMessage());
  expect({ type, id }).toEqual({ type: 13, id: USER + 1n });
  expect(payload.toString()).toContain("a newer log-in took its place");
  expect(await first.closed).toBe(4200);
  await second.heartbeat();
});

test("what a phone says to a board that is away is answered in the old words", async () => {
  const { relations, device, classic } = classicNode();
  relations.bind("4096", "17");
  const phone = await device(USER);
  // A board that is somebody else's is no answer at all, and no silence: it is counted.
  phone.send(message({ destination: -99n, source: USER }));
  phone.send(message({ destination: USER + 9n, source: USER }));
  phone.send(message({ destination: BOARD, source: USER }));
  expect(statusOf(await phone.nextMessage())).toMatchObject({ type: 10, id: BOARD });
  expect(phone.left).toBe(0);
  expect(classic.counts.dropped.get("refused")).toBe(2);
  expect(classic.counts.dropped.get("destination")).toBe(1);
});

test("what is kept for who is away comes with the next log-in, once", async () => {
  const { relations, device } = classicNode({ limits: { keepMs: 60_000 } });
  relations.bind("4096", "17");
  const board = await device(BOARD);
  board.send(message({ destination: USER, source: BOARD, body: Buffer.from("while away") }));
  await board.heartbeat();
  const phone = await device(USER, 30);
  expect((await phone.nextMessage()).body.toString()).toBe("while away");
  await phone.heartbeat();
  phone.close();
  await phone.closed;
  const again = await device(USER, 31);
  await again.heartbeat();
  expect(again.left).toBe(0);
});

test("an upload is acknowledged once the outbox has it, and not when it has no room", async () => {
  const { device, outbox, classic, node } = classicNode({ outboxMax: 1 });
  const board = await device(BOARD);
  const time = Math.floor(node.clock.now() / 1000);
  const state = { opcode: 2, messageId: 0x30, source: BOARD, body: Buffer.from("warm") };
  board.send(message({ ...state, sequence: 7, time }));
  const ack = await board.nextMessage();
  expect(ack).toMatchObject({ isAck: true, isRead: true, messageId: 0x30, sequence: 7 });
  const [upload] = await outbox.read({ after: 0, limit: 10 });
  expect(upload).toMatchObject({ principal: "board:17", kind: "state" });
  expect(JSON.parse(upload!.payload)).toMatchObject({
    ...{ messageId: 0x30, sequence: 7, time, body: Buffer.from("warm").toString("base64") },
  });
  // The same once more is the same upload, and acknowledged, too.
  board.send(message({ ...state, sequence: 7, time }));
  expect(await board.nextMessage()).toMatchObject({ isAck: true, sequence: 7 });
  board.send(message({ ...state, messageId: 0x31, sequence: 8, time }));
  await board.heartbeat();
  await node.serves();
  expect(await outbox.read({ after: 0, limit: 10 })).toHaveLength(1);
  expect(board.left).toBe(0);
  expect(classic.counts.dropped.get("refused")).toBe(1);
});
