/** Classic boards over real datagrams: sessions, commands, uploads, and messages both ways. */
import { expect, test } from "vitest";
import { boardsNode } from "./boards-node.ts";
import { message, statusOf } from "./bytes.ts";
import { COMMAND, OK, replyOf, SERVER } from "./datagrams.ts";

test("a board opens a session, registers, logs in, and is told its heartbeat", async () => {
  const { board, registered, udp } = await boardsNode();
  const lamp = board(7);
  const opened = await lamp.open();
  expect(opened).toMatchObject({ code: OK, message: { messageId: 0xe0, sequence: 1 } });
  expect(opened.rest).toHaveLength(24);
  // A random UUID, and no address of the memory.
  expect([lamp.sid[6]! >> 4, lamp.sid[8]! >> 6]).toEqual([4, 2]);
  expect(await lamp.register("Lampe")).toMatchObject({ code: OK });
  expect(lamp.id).toBe(-107n);
  expect(registered).toMatchObject([{ mac: "07".repeat(8), deviceType: 20, name: "Lampe" }]);
  const login = await lamp.login();
  expect([login.code, login.rest[16]]).toEqual([OK, 20]);
  expect(await lamp.heartbeat()).toMatchObject({ code: OK, message: { messageId: 0xe5 } });
  expect(udp.sessions).toBe(1);
});

test("a phone of today commands a board over classic UDP, which answers", async () => {
  const { board, relations, phone } = await boardsNode();
  relations.bind("ann", "107");
  const lamp = board(7);
  await lamp.connect();
  const { connection } = await phone("ann");
  const payload = { messageId: 0x40, body: Buffer.from("on").toString("base64") };
  const send = { type: "send", to: "board:107", topic: "classic", payload };
  connection.send({ ...send, id: 1, answerWithinMs: 5000 });
  const asked = await lamp.delivered();
  expect([asked.messageId, asked.body.toString()]).toEqual([0x40, "on"]);
  await lamp.forward({ ...asked, isAck: true, body: Buffer.from("lit") });
  const answer = (await connection.next("answer"))["payload"] as { readonly body: string };
  expect(Buffer.from(answer.body, "base64").toString()).toBe("lit");
  await lamp.forward({ destination: 0n, messageId: 0x41, body: Buffer.from("warm") });
  expect(await connection.next("message")).toMatchObject({ from: "board:107" });
});

test("weakness 2 and 3: one phone, and each of several boards, gets what is for it", async () => {
  const { board, relations, device } = await boardsNode();
  for (const id of ["107", "108", "109"]) relations.bind("4096", id);
  const [first, second] = [await device(4096n, 30), await device(4096n, 31)];
  const boards = [board(7), board(8), board(9)];
  for (const one of boards) await one.connect();
  first.send(message({ destination: 0n, source: 4096n, body: Buffer.from("all off") }));
  for (const one of boards) {
    const got = await one.delivered();
    expect([got.body.toString(), got.source]).toEqual(["all off", 4097n]);
  }
  await boards[1]!.forward({ destination: 4098n, body: Buffer.from("only you") });
  const told = async () => {
    for (;;) {
      const got = await second.nextMessage();
      if (got.messageId !== 0x36) return got;
    }
  };
  expect((await told()).body.toString()).toBe("only you");
});

test("weakness 1: a state over UDP is in the outbox before it is acknowledged", async () => {
  const { board, outbox } = await boardsNode();
  const lamp = board(7);
  await lamp.connect();
  const ack = await lamp.upload(0x30, "warm");
  expect(ack).toMatchObject({ code: OK, message: { messageId: 0x30 } });
  expect((await lamp.upload(0x31, "hot")).code).toBe(OK);
  const uploads = await outbox.read({ after: 0, limit: 10 });
  expect(uploads.map(({ principal, kind }) => [principal, kind])).toEqual([
    ["board:107", "state"],
    ["board:107", "alarm"],
  ]);
  // What the board's session is known by stays between the two.
  const { payload } = uploads[0]!;
  expect(JSON.parse(payload)).toMatchObject({ body: Buffer.from("warm").toString("base64") });
  expect(payload).not.toContain(lamp.sid.toString("base64").slice(0, 16));
});

test("an upload that the outbox had no room for is done when the board repeats it", async () => {
  const { board, outbox, node, udp } = await boardsNode({ node: { outboxMax: 1 } });
  const lamp = board(7);
  await lamp.connect();
  await lamp.upload(0x30, "one");
  const bytes = lamp.bytesOf(0x30, Buffer.concat([lamp.sid, Buffer.from("two")]));
  await lamp.raw(bytes);
  expect((await lamp.heartbeat()).message.messageId).toBe(0xe5);
  await node.serves();
  expect(udp.counts.dropped.get("refused")).toBe(1);
  await outbox.ack("crm", 1);
  expect(await lamp.ask(bytes)).toMatchObject({ code: OK, message: { messageId: 0x30 } });
  expect(await outbox.read({ after: 1, limit: 10 })).toHaveLength(1);
});

test("a push stays in the inbox until the board has acknowledged it", async () => {
  const { board, node } = await boardsNode();
  const lamp = board(7);
  await lamp.connect();
  await node.push("board:107", { messageId: 0x50, body: "AQID" });
  const first = await lamp.delivered();
  expect([first.messageId, [...first.body]]).toEqual([0x50, [1, 2, 3]]);
  await lamp.open();
  await lamp.login();
  const again = await lamp.delivered();
  expect([again.messageId, [...again.body]]).toEqual([0x50, [1, 2, 3]]);
  await lamp.forward({ ...again, isAck: true });
  await lamp.heartbeat();
  await node.inbox.flush();
  await lamp.open();
  await lamp.login();
  expect((await lamp.login()).code).toBe(OK);
  expect(lamp.left).toBe(0);
});

test("a datagram that is repeated gets the same bytes, and is done once", async () => {
  const { board, registered, outbox, udp } = await boardsNode();
  const lamp = board(7);
  const opening = lamp.bytesOf(0xe0, Buffer.concat([lamp.mac, lamp.serial]));
  await lamp.raw(opening);
  const first = await lamp.datagram();
  await lamp.raw(opening);
  expect((await lamp.datagram()).equals(first)).toBe(true);
  expect(udp.sessions).toBe(1);
  lamp.sid = replyOf(first).rest.subarray(0, 16);
  await lamp.register("");
  await lamp.login();
  expect(registered).toHaveLength(1);
  const state = lamp.bytesOf(0x30, Buffer.concat([lamp.sid, Buffer.from("warm")]));
  const acks = [await lamp.ask(state), await lamp.ask(state), await lamp.ask(state)];
  expect(acks.map(({ code }) => code)).toEqual([OK, OK, OK]);
  expect(await outbox.read({ after: 0, limit: 10 })).toHaveLength(1);
});

test("what is older than the newest is dropped; numbers may begin again", async () => {
  const { board, udp } = await boardsNode();
  const lamp = board(7);
  await lamp.connect();
  for (const next of [30_000, 60_000, 65_531]) {
    lamp.sequence = next;
    expect((await lamp.heartbeat()).code).toBe(OK);
  }
  expect((await lamp.heartbeat()).message.sequence).toBe(65_533);
  await lamp.raw(lamp.bytesOf(0xe5, lamp.sid, { sequence: 65_000 }));
  await lamp.raw(lamp.bytesOf(0xe5, lamp.sid, { sequence: 10 }));
  lamp.sequence = 8;
  expect((await lamp.heartbeat()).message.sequence).toBe(9);
  await lamp.raw(lamp.bytesOf(0xe5, lamp.sid, { sequence: 65_534 }));
  lamp.sequence = 9;
  expect((await lamp.heartbeat()).message.sequence).toBe(10);
  expect(lamp.left).toBe(0);
  expect(udp.counts.dropped.get("sequence")).toBe(3);
});

test("a board is where its heartbeat comes from, and offline after its silence", async () => {
  const { board, relations, device, node, udp } = await boardsNode();
  relations.bind("4096", "107");
  const phone = await device(4096n);
  const lamp = board(7);
  await lamp.connect();
  expect(statusOf(await phone.nextMessage())).toMatchObject({ type: 9, id: -107n });
  lamp.move();
  node.clock.advance(2000);
  await lamp.heartbeat();
  phone.send(message({ destination: -107n, source: 4096n, body: Buffer.from("here?") }));
  expect((await lamp.delivered()).body.toString()).toBe("here?");
  for (let second = 0; second < 39; second += 1) node.clock.advance(1000);
  expect(udp.sessions).toBe(1);
  node.clock.advance(2000);
  expect(statusOf(await phone.nextMessage())).toMatchObject({ type: 10, id: -107n });
  expect(udp.sessions).toBe(0);
  // Its session is gone, and it is told so: it opens another.
  expect((await lamp.heartbeat()).code).toBe(SERVER);
  await lamp.open();
  expect((await lamp.login()).code).toBe(OK);
  expect(statusOf(await phone.nextMessage())).toMatchObject({ type: 9, id: -107n });
});

test("a board that could not be heard because the node stood still is not offline", async () => {
  const { board, node, udp } = await boardsNode();
  const lamp = board(7);
  await lamp.connect();
  node.clock.advance(2000);
  node.clock.halt(600_000);
  // What is due fires first, before anything is read.
  node.clock.advance(1);
  expect((await lamp.heartbeat()).code).toBe(OK);
  for (let second = 0; second < 43; second += 1) node.clock.advance(1000);
  expect(udp.sessions).toBe(0);
});

test("a board that logs in late has its whole silence from then on", async () => {
  const { board, node, udp } = await boardsNode();
  const lamp = board(7);
  await lamp.open();
  for (let second = 0; second < 38; second += 1) node.clock.advance(1000);
  await lamp.register("");
  expect((await lamp.login()).code).toBe(OK);
  for (let second = 0; second < 39; second += 1) node.clock.advance(1000);
  expect(udp.sessions).toBe(1);
  expect((await lamp.heartbeat()).code).toBe(OK);
});

test("a board that leaves by 0xE6 is offline at once", async () => {
  const { board, relations, device } = await boardsNode();
  relations.bind("4096", "107");
  const phone = await device(4096n);
  const lamp = board(7);
  await lamp.connect();
  await phone.nextMessage();
  expect((await lamp.ask(lamp.bytesOf(0xe6, lamp.sid))).code).toBe(OK);
  expect(statusOf(await phone.nextMessage())).toMatchObject({ type: 10, id: -107n });
});

test("weakness 6: a session is no other board's, and a cookie no other board's", async () => {
  const { board } = await boardsNode();
  const [lamp, thief] = [board(7), board(8)];
  await lamp.connect();
  await thief.open();
  thief.cookie = lamp.cookie;
  expect((await thief.login()).code).toBe(SERVER);
  // Also with the other's hardware address, which is not that of its session.
  const stolen = Buffer.concat([thief.sid, lamp.mac, lamp.cookie]);
  expect((await thief.ask(thief.bytesOf(0xe2, stolen))).code).toBe(COMMAND);
  thief.sid = Buffer.from(lamp.sid);
  thief.sid[0]! ^= 1;
  expect((await thief.heartbeat()).code).toBe(SERVER);
});

test("weakness 4: any body length of any command is answered, and nothing crashes", async () => {
  const { board, udp } = await boardsNode();
  const lamp = board(7);
  await lamp.connect();
  const codes = new Set<number>();
  for (const messageId of [0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0x99]) {
    for (const length of [0, 1, 15, 16, 17, 23, 25, 40, 87, 89, 309, 600]) {
      const body = Buffer.alloc(length);
      lamp.sid.copy(body);
      codes.add((await lamp.ask(lamp.bytesOf(messageId, body))).code);
    }
  }
  expect([...codes].sort()).toEqual([OK, SERVER, COMMAND]);
  expect(udp.counts.dropped.get("malformed")).toBeGreaterThan(50);
  const again = board(9);
  await again.connect();
  expect((await again.heartbeat()).code).toBe(OK);
});

test("a board over UDP that logs in too often is refused as over WebSocket", async () => {
  const bans = { flapsPerAddress: 0, flapsPerUser: 2, flapWindowMs: 60_000, banMs: 30_000 };
  const { board, node } = await boardsNode({ node: { bans } });
  const lamp = board(7);
  await lamp.connect();
  const codes: number[] = [];
  for (let n = 0; n < 2; n += 1) {
    await lamp.ask(lamp.bytesOf(0xe6, lamp.sid));
    await lamp.open();
    codes.push((await lamp.login()).code);
  }
  expect(codes).toEqual([OK, SERVER]);
  node.clock.advance(30_000);
  await lamp.open();
  expect((await lamp.login()).code).toBe(OK);
});

test("an address is banned for log-ins over UDP, and not for what may be forged", async () => {
  const bans = { flapsPerAddress: 2, flapsPerUser: 0, flapWindowMs: 60_000, banMs: 30_000 };
  const { board, node } = await boardsNode({ node: { bans } });
  const [lamp, door] = [board(7), board(8)];
  for (let n = 0; n < 5; n += 1) expect((await door.open()).code).toBe(OK);
  await lamp.connect();
  await door.connect();
  await lamp.ask(lamp.bytesOf(0xe6, lamp.sid));
  await lamp.open();
  expect((await lamp.login()).code).toBe(SERVER);
  expect((await lamp.open()).code).toBe(SERVER);
  expect((await door.heartbeat()).code).toBe(OK);
  node.clock.advance(30_000);
  expect((await lamp.open()).code).toBe(OK);
});

test("a reply is never answered, so that two nodes cannot be set on each other", async () => {
  const { board, udp } = await boardsNode();
  const lamp = board(7);
  // Whose session is unknown is answered, and that answer reads as a command once more.
  await lamp.raw(lamp.bytesOf(0xe5, lamp.sid));
  const reply = await lamp.datagram();
  expect(replyOf(reply).code).toBe(SERVER);
  await lamp.raw(reply);
  expect((await lamp.open()).message.messageId).toBe(0xe0);
  expect([lamp.left, udp.counts.dropped.get("malformed")]).toEqual([0, 1]);
});

test("datagrams of one address are limited, and others are heard", async () => {
  const { board, udp } = await boardsNode({ limits: { datagramsPerSecond: 1, datagramsBurst: 3 } });
  const lamp = board(7);
  await lamp.connect();
  await lamp.raw(lamp.bytesOf(0xe5, lamp.sid));
  await lamp.raw(lamp.bytesOf(0xe5, lamp.sid));
  while (udp.counts.dropped.get("rate") !== 2) await new Promise((next) => setImmediate(next));
  expect(lamp.left).toBe(0);
});

test("sessions that nobody logs in to make room behind however many boards, too", async () => {
  const { board, udp } = await boardsNode({ limits: { udpSessionsMax: 70 } });
  const boards = Array.from({ length: 66 }, (_, index) => board(100 + index));
  for (const one of boards) await one.connect();
  for (let n = 0; n < 10; n += 1) expect((await board(1 + n).open()).code).toBe(OK);
  expect(udp.sessions).toBe(70);
  for (const one of boards) expect((await one.heartbeat()).code).toBe(OK);
});

test("sessions that nobody logs in to make room for others; those of boards stay", async () => {
  const { board, udp } = await boardsNode({ limits: { udpSessionsMax: 2 } });
  const lamp = board(7);
  await lamp.connect();
  for (let n = 0; n < 20; n += 1) expect((await board(50 + n).open()).code).toBe(OK);
  expect(udp.sessions).toBe(2);
  expect((await lamp.heartbeat()).code).toBe(OK);
  const door = board(8);
  await door.connect();
  // Two boards are as many as there may be.
  expect((await board(9).open()).code).toBe(SERVER);
  expect(udp.counts.dropped.get("busy")).toBe(1);
});
