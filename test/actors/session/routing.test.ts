import { expect, test } from "vitest";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import { type SessionMessage, sessionKind, WHOLE } from "../../../src/actors/session/messages.ts";
import { userKind } from "../../../src/actors/user/messages.ts";
import { routingNode } from "./routing-node.ts";

test("a phone and its board reach each other, and each is told who it was", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [phone, board] = await node.talkers("ann", "board:lamp");
  const sent = phone!.send("board:lamp", { on: true }, { topic: "light" });
  const told = board!.send("user:ann", { is: "on" });
  await node.settle();
  expect(board!.frames()).toEqual([
    {
      type: "message",
      from: "user:ann",
      session: "session:s1",
      topic: "light",
      payload: { on: true },
    },
    { type: "sent", id: told, reached: 1, kept: 0 },
  ]);
  expect(phone!.frames()).toContainEqual({ type: "sent", id: sent, reached: 1, kept: 0 });
  expect(phone!.got()).toEqual([{ is: "on" }]);
});

test("a board reaches all phones of all who may reach it, guests too, and each once", async () => {
  const node = routingNode();
  node.relations.family("ann", { ben: "member", eve: "guest" }, ["lamp"]);
  const [board, ...phones] = await node.talkers("board:lamp", "ann", "ann", "ben", "eve", "zoe");
  const id = board!.send("phones", "lit");
  await node.settle();
  expect(phones.map((phone) => phone.got())).toEqual([["lit"], ["lit"], ["lit"], ["lit"], []]);
  expect(board!.frames()).toEqual([{ type: "sent", id, reached: 4, kept: 0 }]);
});

test("a phone reaches all its boards; a guest commands none", async () => {
  const node = routingNode();
  node.relations.family("ann", { eve: "guest" }, ["lamp", "door"]);
  const [ann, eve, lamp, door] = await node.talkers("ann", "eve", "board:lamp", "board:door");
  ann!.send("boards", "off");
  const refused = [eve!.send("boards", "on"), eve!.send("board:lamp", "on")];
  await node.settle();
  expect([lamp!.got(), door!.got()]).toEqual([["off"], ["off"]]);
  expect(eve!.frames()).toMatchObject(
    refused.map((id) => ({ type: "error", id, code: "route.forbidden" })),
  );
});

test("a family's users reach each other and their own other devices", async () => {
  const node = routingNode();
  node.relations.family("ann", { ben: "member", eve: "guest" });
  const [one, two, ben, eve] = await node.talkers("ann", "ann", "ben", "eve");
  one!.send("family:ann", "dinner");
  two!.send("user:ann", "mine");
  eve!.send("user:ben", "hello");
  const other = one!.send("family:zoe", "dinner");
  await node.settle();
  expect([two, ben, eve].map((phone) => phone!.got())).toEqual([
    ["dinner"],
    ["dinner", "hello"],
    ["dinner"],
  ]);
  expect(one!.got()).toEqual(["mine"]);
  expect(one!.frames()).toContainEqual(expect.objectContaining({ id: other, type: "error" }));
});

test("who may not, is told so, and who is not there, too: nothing is silent", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, zoe] = await node.talkers("ann", "zoe");
  const asked = [
    [ann!, "board:lamp", "route.offline"],
    [ann!, "board:door", "route.forbidden"],
    [ann!, "user:ann", "route.offline"],
    [ann!, "session:nobody", "route.offline"],
    [zoe!, "boards", "route.forbidden"],
    [zoe!, "phones", "route.offline"],
    [zoe!, "user:ann", "route.forbidden"],
    [zoe!, "planet:mars", "protocol.invalid"],
  ] as const;
  const ids = asked.map(([device, to]) => device.send(to, 1));
  await node.settle();
  for (const [index, [device, to, code]] of asked.entries()) {
    const told = device.frames().filter((frame) => "id" in frame && frame.id === ids[index]);
    expect(told, to).toEqual([expect.objectContaining({ type: "error", code })]);
  }
});

test("a session is reached by its address from whoever may reach its principal", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [one, two, lamp, zoe] = await node.talkers("ann", "ann", "board:lamp", "zoe");
  lamp!.send("session:s2", "you alone");
  const refused = zoe!.send("session:s2", "me?");
  one!.send("session:s2", "myself");
  await node.settle();
  expect([one!.got(), two!.got()]).toEqual([[], ["you alone", "myself"]]);
  expect(zoe!.frames()).toMatchObject([{ id: refused, code: "route.forbidden" }]);
});

test("a change of relations holds from the next message on", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  node.relations.view("ann", {});
  const refused = ann!.send("board:lamp", 1);
  await node.settle();
  expect(ann!.frames()).toMatchObject([{ id: refused, code: "route.forbidden" }]);
  node.relations.bind("ann", "door");
  await node.settle();
  ann!.send("board:door", 2, { keepMs: 1000 });
  await node.settle();
  expect(ann!.frames().at(-1)).toMatchObject({ type: "sent", kept: 1 });
  expect(lamp!.got()).toEqual([]);
});

test("the first answer goes to who asked, and later ones are counted, not told", async () => {
  const node = routingNode();
  node.relations.family("ann", { ben: "member" }, ["lamp"]);
  const [lamp, ann, ben] = await node.talkers("board:lamp", "ann", "ben");
  const id = lamp!.send("phones", "open?", { answerWithinMs: 1000 });
  await node.settle();
  const question = (phone: typeof ann) => {
    const frame = phone!.frames().find(({ type }) => type === "message");
    if (frame?.type !== "message") throw new Error("was not asked");
    return frame;
  };
  expect(question(ann)).toMatchObject({ payload: "open?", answerWithinMs: 1000 });
  ben!.request({ type: "answer", request: question(ben).request!, payload: "yes" });
  await node.settle();
  ann!.request({ type: "answer", request: question(ann).request!, error: "no" });
  await node.settle();
  expect(lamp!.frames()).toEqual([{ type: "answer", id, from: "session:s3", payload: "yes" }]);
  expect(node.tally.routes).toMatchObject({ answered: 1, answersLate: 1, answersStray: 0 });
});

test("an answer that was not asked for, or is a second one, is dropped and counted", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  const id = ann!.send("board:lamp", "how?", { answerWithinMs: 1000 });
  await node.settle();
  ann!.request({ type: "answer", request: 1, payload: "mine" });
  lamp!.request({ type: "answer", request: 7, payload: "which?" });
  lamp!.request({ type: "answer", request: 1, payload: "well" });
  lamp!.request({ type: "answer", request: 1, payload: "very" });
  await node.settle();
  expect(ann!.frames()).toEqual([{ type: "answer", id, from: "session:s2", payload: "well" }]);
  expect(node.tally.routes.answersStray).toBe(3);
});

test("without an answer in time the sender is told, and a later one goes nowhere", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  const id = ann!.send("board:lamp", "how?", { answerWithinMs: 1000 });
  await node.advance(999);
  expect(ann!.frames()).toEqual([]);
  await node.advance(1);
  expect(ann!.frames()).toMatchObject([{ type: "error", id, code: "route.timeout" }]);
  lamp!.request({ type: "answer", request: 1, payload: "late" });
  await node.settle();
  expect(ann!.frames()).toHaveLength(1);
});

test("each of many deadlines is kept, in whatever order they were set", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann] = await node.talkers("ann", "board:lamp");
  for (const ms of [500, 100, 300, 200, 400]) ann!.send("board:lamp", ms, { answerWithinMs: ms });
  await node.settle();
  for (const due of [1, 2, 3, 4, 5]) {
    await node.advance(100);
    expect(ann!.frames()).toHaveLength(due);
  }
});

test("a device that reconnects in between still gets the answer, once", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  const id = ann!.send("board:lamp", "how?", { answerWithinMs: 5000 });
  await node.settle();
  ann!.drop();
  await node.settle();
  lamp!.request({ type: "answer", request: 1, payload: "well" });
  await node.settle();
  const again = node.talks(node.attach(ann!.session, 0));
  await node.settle();
  expect(again.connection.received.map(({ type }) => type)).toEqual(["welcome", "frame"]);
  expect(again.frames()).toEqual([{ type: "answer", id, from: "session:s2", payload: "well" }]);
});

test("a connection that is gone without a word loses no answer", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann] = await node.talkers("ann", "board:lamp");
  ann!.connection.accepting = false;
  const id = ann!.send("board:lamp", 1);
  await node.settle();
  const again = node.talks(node.attach(ann!.session, 0));
  await node.settle();
  expect(again.frames()).toEqual([{ type: "sent", id, reached: 1, kept: 0 }]);
});

test("what is kept for those who are away waits in their inbox, and counts as kept", async () => {
  const node = routingNode();
  node.relations.family("ann", { ben: "member", eve: "guest" }, ["lamp"]);
  const [lamp, ben] = await node.talkers("board:lamp", "ben");
  const id = lamp!.send("phones", { door: "open" }, { keepMs: 60_000, topic: "alarm" });
  await node.settle();
  expect(ben!.got()).toEqual([{ door: "open" }]);
  expect(lamp!.frames()).toEqual([{ type: "sent", id, reached: 1, kept: 2 }]);
  const [ann] = await node.talkers("ann");
  expect(ann!.pushes()).toHaveLength(1);
  const { topic, payload, ack } = ann!.pushes()[0]!.push;
  expect({ topic, ack }).toEqual({ topic: "message", ack: true });
  expect(JSON.parse(payload)).toEqual({
    ...{ from: "board:lamp", topic: "alarm", payload: { door: "open" } },
  });
  await node.advance(60_001);
  const [eve] = await node.talkers("eve");
  expect(eve!.pushes()).toEqual([]);
});

test("what is kept for many who are away is written out once, not for each", async () => {
  const node = routingNode();
  const boards = Array.from({ length: 100 }, (_, index) => `lamp-${index}`);
  node.relations.family("ann", {}, boards);
  const [ann, ...left] = await node.talkers("ann", "board:lamp-0", "board:lamp-1");
  // They have actors of their own for as long as they may come back.
  for (const lamp of left) lamp.drop();
  await node.settle();
  let times = 0;
  const payload = {
    toJSON: () => {
      times += 1;
      return "off";
    },
  };
  const id = ann!.send("boards", payload, { keepMs: 60_000 });
  await node.settle();
  expect(ann!.frames()).toEqual([{ type: "sent", id, reached: 0, kept: 100 }]);
  expect(times).toBe(1);
  const [lamp] = await node.talkers("board:lamp-99");
  expect(JSON.parse(lamp!.pushes()[0]!.push.payload)).toMatchObject({ payload: "off" });
});

test("what is kept for a device that is away for a moment comes when it is back", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  ann!.drop();
  const id = lamp!.send("user:ann", "ring", { keepMs: 1000 });
  await node.settle();
  expect(lamp!.frames()).toEqual([{ type: "sent", id, reached: 0, kept: 1 }]);
  const again = node.talks(node.attach(ann!.session, 0));
  await node.settle();
  expect(again.pushes()).toHaveLength(1);
});

test("a store that cannot keep it is told to the sender", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [lamp] = await node.talkers("board:lamp");
  node.store.hold();
  const id = lamp!.send("user:ann", "ring", { keepMs: 60_000 });
  await node.advance(5_000);
  expect(lamp!.frames()).toMatchObject([{ id, code: "store.unavailable", retryAfterMs: 1000 }]);
  node.store.release();
});

test("weakness 7: who floods is told so, and fills nobody's mailbox unnoticed", async () => {
  const node = routingNode({ session: { requestsMax: 8 } });
  node.relations.bind("ann", "lamp");
  const [lamp, ann] = await node.talkers("board:lamp", "ann");
  for (let count = 0; count < 50; count += 1) lamp!.send("user:ann", count);
  await node.settle();
  const ended = lamp!.frames().map((frame) => (frame.type === "error" ? frame.code : frame.type));
  expect(ended).toHaveLength(50);
  const sent = ended.filter((what) => what === "sent");
  expect(new Set(ended)).toEqual(new Set(["sent", "route.too-many"]));
  expect(ann!.got()).toHaveLength(sent.length);
});

test("questions to a device that answers none are refused beyond its limit", async () => {
  const node = routingNode({ session: { requestsMax: 4 } });
  node.relations.bind("ann", "lamp");
  node.relations.bind("ben", "lamp");
  const [ann, ben, lamp] = await node.talkers("ann", "ben", "board:lamp");
  for (const phone of [ann!, ann!, ann!, ben!, ben!]) {
    phone.send("board:lamp", "?", { answerWithinMs: 1000 });
  }
  await node.settle();
  expect(lamp!.got()).toHaveLength(4);
  expect(ben!.frames()).toMatchObject([{ code: "route.too-many" }]);
  await node.advance(1000);
  ben!.send("board:lamp", "again?", { answerWithinMs: 1000 });
  await node.settle();
  expect(lamp!.got()).toHaveLength(5);
});

test("whoever sends to a thousand again and again is told of each what became of it", async () => {
  const node = routingNode();
  const boards = Array.from({ length: 1_000 }, (_, index) => `lamp-${index}`);
  node.relations.family("ann", {}, boards);
  const [ann] = await node.talkers("ann");
  const lamps = await node.talkers(...boards.map((board) => `board:${board}`));
  const ids = [1, 2, 3, 4].map((n) => ann!.send("boards", n));
  await node.settle();
  expect(ann!.frames()).toEqual(ids.map((id) => ({ type: "sent", id, reached: 1_000, kept: 0 })));
  expect(lamps.every((lamp) => lamp.got().length === 4)).toBe(true);
  expect(node.deadLetters).toEqual([]);
});

test("who leaves for good at that very moment is away, not too busy", async () => {
  const codes = new Set<string>();
  let kept = 0;
  for (let turns = 0; turns < 8; turns += 1) {
    const node = routingNode();
    node.relations.bind("ann", "lamp");
    const [ann, lamp] = await node.talkers("ann", "board:lamp");
    for (let n = 0; n < 100; n += 1)
      ann!.send("board:lamp", n, n % 2 === 0 ? {} : { keepMs: 1000 });
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resume) => setImmediate(resume));
    lamp!.session.send({ type: "detach", connection: lamp!.connection, final: true });
    await node.settle();
    expect(ann!.frames().filter((frame) => "id" in frame)).toHaveLength(100);
    for (const frame of ann!.frames()) {
      if (frame.type === "error") codes.add(frame.code);
      if (frame.type === "sent") kept += frame.kept;
    }
  }
  expect(codes).toEqual(new Set(["route.offline"]));
  expect(kept).toBeGreaterThan(0);
});

test("a parcel for a session that ended a moment before is kept for its principal", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [lamp] = await node.talkers("board:lamp");
  const told: unknown[] = [];
  const parcel = {
    origin: externalRef<SessionMessage>("/ann", (message) => told.push(message) > 0),
    ...{ number: 1, sessionId: "s-ann", principal: "ann", session: "session:s-ann" },
    ...{ from: "user:ann", topic: undefined, payload: 1, answerWithinMs: undefined, keepMs: 1000 },
  };
  lamp!.session.send({ type: "detach", connection: lamp!.connection, final: true });
  const board = node.system.find(userKind, "board:lamp")!;
  board.send({ type: "arrive", parcel, share: WHOLE, only: undefined });
  await node.settle();
  const outcome = { share: WHOLE, reached: 0, kept: 1, error: undefined };
  expect(told).toEqual([{ type: "outcome", number: 1, outcome }]);
});

test("many that flood one receiver are told what did not fit, and lose nothing else", async () => {
  const node = routingNode();
  const boards = Array.from({ length: 40 }, (_, index) => `b${index}`);
  for (const board of boards) node.relations.bind("ann", board);
  const [ann, ...lamps] = await node.talkers("ann", ...boards.map((board) => `board:${board}`));
  for (const lamp of lamps) for (let n = 0; n < 100; n += 1) lamp.send("user:ann", n);
  await node.settle();
  const ends = lamps.flatMap((lamp) => lamp.frames());
  const codes = ends.flatMap((frame) => (frame.type === "error" ? [frame.code] : []));
  expect(ends).toHaveLength(4000);
  expect(new Set(codes)).toEqual(new Set(["mailbox.full"]));
  expect(ann!.got()).toHaveLength(4000 - codes.length);
  const retry = ends.find(({ type }) => type === "error");
  expect(retry).toMatchObject({ retryAfterMs: 1000 });
});

test("a session that ends in between leaves no message without an end", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  const id = ann!.send("board:lamp", "how?", { answerWithinMs: 2000 });
  await node.settle();
  lamp!.session.send({ type: "close", reason: "kicked" });
  const after = ann!.send("board:lamp", 2);
  await node.advance(2000);
  expect(ann!.frames()).toMatchObject([
    { id: after, code: "route.offline" },
    { id, code: "route.timeout" },
  ]);
  expect(node.system.find(sessionKind, "s2")).toBeUndefined();
});
