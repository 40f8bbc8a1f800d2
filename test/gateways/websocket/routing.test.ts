/** Phones and boards that reach each other over real WebSockets. */
import { expect, test } from "vitest";
import type { LoginPolicy } from "../../../src/actors/user/state.ts";
import { type ReachDesk, reachDesk } from "../../testkit/reach-desk.ts";
import { type TestNode, testNode } from "./node.ts";
import { type Encoding, type Frame, type PageConnection, PageDevice } from "./page-client.ts";

const HOUR_MS = 3_600_000;

interface Home {
  readonly node: TestNode;
  readonly relations: ReachDesk;
  phone(user: string, device?: string, encoding?: Encoding): Promise<PageDevice>;
  board(board: string, device?: string): Promise<PageDevice>;
}

function home(options: Parameters<typeof testNode>[0] = {}): Home {
  const node = testNode(options);
  const relations = reachDesk(node.system);
  const login = async (credential: string, device: string, encoding: Encoding) => {
    const made = new PageDevice({ port: node.port, credential, device, encoding });
    await made.connect();
    return made;
  };
  return {
    node,
    relations,
    phone: async (user, device = "phone", encoding = "json") =>
      login(await node.tokens.mint({ user, ttlMs: HOUR_MS }), device, encoding),
    board: async (board, device = "board") =>
      login(await node.tokens.mint({ user: board, kind: "board", ttlMs: HOUR_MS }), device, "json"),
  };
}

/** The one answer to a request. */
async function answerTo(connection: PageConnection, id: number): Promise<Frame> {
  const found = () =>
    connection.frames.filter((frame) => frame["id"] === id && frame.type !== "push");
  await connection.raw.until(() => found().length > 0);
  await connection.ping();
  const answers = found();
  if (answers.length !== 1) throw new Error(`${answers.length} answers to ${id}`);
  return answers[0]!;
}

test.each(["json", "msgpack"] as const)(
  "a %s phone asks its board, which answers",
  async (kind) => {
    const { relations, phone, board } = home();
    relations.bind("ann", "lamp");
    const ann = await phone("ann", "phone", kind);
    const lamp = await board("lamp");
    const payload = { on: true, note: "Grüße 🎉", list: [1, 2.5, null] };
    const send = { type: "send", id: 7, to: "board:lamp", payload, topic: "light" };
    ann.connection.send({ ...send, answerWithinMs: 5000 });
    const asked = await lamp.connection.next("message");
    expect(asked).toMatchObject({
      from: "user:ann",
      payload,
      topic: "light",
      answerWithinMs: 5000,
    });
    lamp.connection.send({ type: "answer", request: asked["request"], payload: { done: true } });
    const answer = await answerTo(ann.connection, 7);
    expect(answer).toMatchObject({ type: "answer", id: 7, payload: { done: true } });
    // The address of who answered leads to it.
    ann.connection.send({ type: "send", id: 8, to: answer["from"], payload: "thanks" });
    expect(await answerTo(ann.connection, 8)).toMatchObject({ type: "sent", reached: 1 });
    expect((await lamp.connection.next("message", 2))["payload"]).toBe("thanks");
  },
);

test.each(["json", "msgpack"] as const)(
  "a %s phone asks which of its boards are online",
  async (kind) => {
    const { relations, phone, board } = home();
    for (const name of ["lamp", "Tür ☎", "new"]) relations.bind("ann", name);
    const { connection } = await phone("ann", "phone", kind);
    await board("lamp");
    const door = await board("Tür ☎");
    door.drop();
    const goings = () => connection.frames.filter(({ type }) => type === "push");
    await connection.raw.until(() => goings().length === 3);
    connection.send({ type: "who", id: 7, of: "boards" });
    expect(await answerTo(connection, 7)).toEqual({
      ...{ type: "present", id: 7, count: 3 },
      members: [
        { principal: "board:lamp", online: true, sessions: 1 },
        { principal: "board:Tür ☎", online: false, lastSeen: expect.any(Number) },
        { principal: "board:new", online: false },
      ],
    });
    const refusals = [
      [{ type: "who", id: 8, of: "topic:news" }, "of must be user:, board: or family: and a name"],
      [{ type: "who", id: 9, of: 5 }, "of must be an address of at most 144 characters; got 5"],
      [{ type: "who", id: 10 }, "topic must be there, or of; got nothing"],
    ] as const;
    for (const [frame, message] of refusals) {
      connection.send(frame);
      expect(await answerTo(connection, frame.id)).toMatchObject({
        ...{ type: "error", code: "protocol.invalid", message: expect.stringContaining(message) },
      });
    }
  },
);

test("a board reaches all fifteen phones of its user and the family's", async () => {
  const { relations, phone, board } = home();
  relations.family("ann", { ben: "member" }, ["lamp"]);
  const phones: PageDevice[] = [];
  for (let index = 0; index < 15; index += 1) phones.push(await phone("ann", `phone-${index}`));
  phones.push(await phone("ben"));
  const lamp = await board("lamp");
  lamp.connection.send({ type: "send", id: 1, to: "phones", payload: "lit" });
  expect(await answerTo(lamp.connection, 1)).toEqual({
    ...{ type: "sent", id: 1, reached: 16, kept: 0 },
  });
  for (const { connection } of phones) {
    expect((await connection.next("message"))["payload"]).toBe("lit");
  }
});

test("who may not, who is away and who says nothing each have their error", async () => {
  const { node, relations, phone, board } = home();
  relations.bind("ann", "lamp");
  relations.bind("ann", "door");
  const ann = await phone("ann");
  const lamp = await board("lamp");
  const send = { type: "send", payload: 1 };
  ann.connection.send({ ...send, id: 1, to: "board:shed" });
  ann.connection.send({ ...send, id: 2, to: "board:door" });
  ann.connection.send({ ...send, id: 3, to: "board:lamp", answerWithinMs: 700 });
  ann.connection.send({ ...send, id: 4, to: "nonsense" });
  expect(await answerTo(ann.connection, 1)).toMatchObject({ code: "route.forbidden" });
  expect(await answerTo(ann.connection, 2)).toMatchObject({ code: "route.offline" });
  expect(await answerTo(ann.connection, 4)).toMatchObject({ code: "protocol.invalid" });
  await lamp.connection.next("message");
  node.clock.advance(800);
  expect(await answerTo(ann.connection, 3)).toMatchObject({ code: "route.timeout" });
});

test("malformed requests are answered with their ids, however many come", async () => {
  const { phone } = home();
  const { connection } = await phone("ann");
  for (let id = 1; id <= 6; id += 1) {
    connection.send({ type: "send", id, payload: 1 });
    expect(await answerTo(connection, id)).toMatchObject({
      ...{ type: "error", code: "protocol.invalid" },
    });
  }
  await connection.ping();
});

test("a phone that loses its connection gets the answer on its next one", async () => {
  const { relations, phone, board } = home();
  relations.bind("ann", "lamp");
  const [ann, lamp] = [await phone("ann"), await board("lamp")];
  const send = { type: "send", id: 1, to: "board:lamp", payload: "?", answerWithinMs: 60_000 };
  ann.connection.send(send);
  const { request } = await lamp.connection.next("message");
  ann.drop();
  await lamp.connection.next("push");
  lamp.connection.send({ type: "answer", request, payload: "!" });
  await lamp.connection.ping();
  await ann.connect();
  expect(await answerTo(ann.connection, 1)).toMatchObject({ type: "answer", payload: "!" });
});

test("what is kept comes as a push when the device logs in", async () => {
  const { relations, phone, board } = home();
  relations.bind("ann", "lamp");
  const lamp = await board("lamp");
  const send = { type: "send", id: 1, to: "user:ann", payload: "ring", keepMs: 60_000 };
  lamp.connection.send(send);
  expect(await answerTo(lamp.connection, 1)).toMatchObject({ type: "sent", reached: 0, kept: 1 });
  const ann = await phone("ann");
  const [push] = await ann.pushes(1);
  expect(push).toMatchObject({ topic: "message", ack: true });
  expect(push!.payload).toEqual({ from: "board:lamp", payload: "ring" });
});

test("weakness 7: the largest frame that may come in goes out whole, both ways", async () => {
  const { relations, phone, board } = home();
  relations.bind("ann", "lamp");
  const [ann, lamp] = [await phone("ann"), await board("lamp")];
  const frame = (to: string, payload: string) => ({ type: "send", id: 1, to, payload });
  const fill = (to: string) => "x".repeat(65_536 - JSON.stringify(frame(to, "")).length);
  for (const [from, to, address] of [
    [ann, lamp, "board:lamp"],
    [lamp, ann, "user:ann"],
  ] as const) {
    from.connection.send(frame(address, fill(address)));
    expect((await to.connection.next("message"))["payload"]).toBe(fill(address));
    expect(await answerTo(from.connection, 1)).toMatchObject({ type: "sent", reached: 1 });
  }
  // One byte more is refused aloud, not dropped.
  lamp.connection.send(frame("user:ann", `${fill("user:ann")}x`));
  expect(await lamp.connection.closed()).toMatchObject({ code: 4205 });
});

test("weakness 3: every id is reached, whatever number or text it is", async () => {
  const { relations, phone, board } = home();
  const ids = ["0", "16", "-1", "4294967296", "9223372036854775807", "Åse ☎", "a:b", "null"];
  for (const id of ids) relations.bind(id, "lamp");
  const phones = await Promise.all(ids.map((id) => phone(id)));
  const lamp = await board("lamp");
  for (const [index, id] of ids.entries()) {
    lamp.connection.send({ type: "send", id: index, to: `user:${id}`, payload: id });
    const message = await phones[index]!.connection.next("message");
    expect(message).toMatchObject({ from: "board:lamp", payload: id });
  }
  lamp.connection.send({ type: "send", id: 99, to: "phones", payload: "all" });
  expect(await answerTo(lamp.connection, 99)).toMatchObject({ reached: ids.length });
});

test("each who may know is told once that a board came and went", async () => {
  const { relations, phone, board } = home();
  relations.family("ann", { ben: "member" }, ["lamp"]);
  const phones = [await phone("ann", "one"), await phone("ann", "two"), await phone("ben")];
  const lamps = [await board("lamp", "a"), await board("lamp", "b")];
  for (const lamp of lamps) lamp.drop();
  for (const { connection } of phones) {
    const told = () =>
      connection.pushes
        .map(({ payload }) => payload as { event: string; about: string })
        .filter(({ about }) => about === "board:lamp");
    await connection.raw.until(() => told().length >= 2);
    await connection.ping();
    expect(told().map(({ event }) => event)).toEqual(["device.online", "device.offline"]);
  }
});

test("the newest log-in wins, and the older is kicked with the reason", async () => {
  const one: LoginPolicy = { policy: "newest", max: 1, whenFull: "refuse" };
  const { phone } = home({ user: { login: { phone: one, board: one } } });
  const first = await phone("ann", "old");
  const second = await phone("ann", "new");
  const { code, kick } = await first.connection.closed();
  expect(code).toBe(4200);
  expect(kick).toMatchObject({
    ...{ reason: "replaced", reconnect: false },
    message: "a newer log-in took its place; at most 1 at once",
  });
  await second.connection.ping();
});

test("the sixteenth phone of a user is refused with the reason", async () => {
  const some: LoginPolicy = { policy: "up-to", max: 15, whenFull: "refuse" };
  const { phone } = home({ user: { login: { phone: some, board: some } } });
  for (let index = 0; index < 15; index += 1) await phone("ann", `phone-${index}`);
  await expect(phone("ann", "late")).rejects.toThrow(/4206.*15 are logged in/s);
  await phone("ben");
});

test("a newer credential keeps the connection open beyond the older one's end", async () => {
  const { node, phone } = home();
  const { connection } = await phone("ann");
  node.clock.advance(HOUR_MS - 60_000);
  const credential = await node.tokens.mint({ user: "ann", ttlMs: HOUR_MS });
  connection.send({ type: "refresh", id: 1, credential });
  expect(await answerTo(connection, 1)).toEqual({
    ...{ type: "refreshed", id: 1, expiresInMs: HOUR_MS },
  });
  node.clock.advance(HOUR_MS - 60_000);
  await connection.ping();
  node.clock.advance(90_000);
  expect(await connection.closed()).toMatchObject({ code: 4203 });
});

test("a credential of somebody else, or a bad one, refreshes nothing", async () => {
  const { node, phone } = home();
  const { connection } = await phone("ann");
  const others = [
    await node.tokens.mint({ user: "ben", ttlMs: HOUR_MS }),
    await node.tokens.mint({ user: "ann", kind: "board", ttlMs: HOUR_MS }),
    await node.tokens.mint({ user: "ann", device: "tablet", ttlMs: HOUR_MS }),
    "nonsense",
  ];
  for (const [id, credential] of others.entries()) {
    connection.send({ type: "refresh", id, credential });
    expect(await answerTo(connection, id)).toMatchObject({ type: "error", code: "auth.invalid" });
  }
});

test("what a newer credential allows counts from then on", async () => {
  const { node, phone } = home();
  const { connection } = await phone("ann");
  connection.send({ type: "subscribe", id: 1, topic: "news" });
  expect(await answerTo(connection, 1)).toMatchObject({ code: "topic.forbidden" });
  const grants = { subscribe: ["news"], publish: [] };
  const credential = await node.tokens.mint({ user: "ann", grants, ttlMs: HOUR_MS });
  connection.send({ type: "refresh", id: 2, credential });
  connection.send({ type: "ping", id: 3 });
  await connection.next("refreshed");
  connection.send({ type: "subscribe", id: 4, topic: "news" });
  expect(await answerTo(connection, 4)).toMatchObject({ type: "subscribed" });
});
