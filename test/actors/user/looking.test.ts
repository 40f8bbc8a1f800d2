import { expect, test } from "vitest";
import type { ActorType } from "../../../src/actors/kernel/actor.ts";
import { type UserMessage, userKind } from "../../../src/actors/user/messages.ts";
import type { DeviceAnswer } from "../../../src/core/device-request.ts";
import { type RoutingNode, routingNode, type Talker } from "../session/routing-node.ts";

type Present = Extract<DeviceAnswer, { type: "present" }>;

/** What a talker is answered, the id left out; nothing when it is not answered yet. */
async function ask(node: RoutingNode, talker: Talker, of: string, id = 7) {
  const before = talker.frames().length;
  talker.request({ type: "who", id, of });
  await node.settle();
  const [frame, ...more] = talker.frames().slice(before);
  expect(more).toEqual([]);
  if (frame !== undefined) expect(frame).toMatchObject({ id });
  return frame;
}

/** Who was told of, as `board:lamp 2`, `board:door` when it is offline. */
async function told(node: RoutingNode, talker: Talker, of: string): Promise<string[] | string> {
  const frame = await ask(node, talker, of);
  if (frame?.type !== "present") return frame?.type === "error" ? frame.code : "nothing";
  const { members, count } = frame;
  expect(count).toBe(members.length);
  return members.map((one) =>
    one.online ? `${one.principal} ${one.sessions}` : `${one.principal}`,
  );
}

/** A principal whose actor never answers, and ends when it is kicked. */
const deaf: ActorType<null, UserMessage> = {
  ...{ label: "user", kind: userKind, restart: "temporary" },
  behavior(state, message, ctx) {
    if (message.type === "kick") ctx.stop();
    return state;
  },
};

test("a phone is told which of its boards are online, and when the others last were", async () => {
  const node = routingNode();
  for (const board of ["lamp", "door", "new"]) node.relations.bind("ann", board);
  const [ann, door] = await node.talkers("ann", "board:door", "board:lamp", "board:lamp");
  door!.drop();
  await node.settle();
  const lastSeen = node.clock.now();
  await node.advance(90_000);
  expect(await ask(node, ann!, "boards")).toEqual({
    ...{ type: "present", id: 7, count: 3 },
    members: [
      { principal: "board:lamp", online: true, sessions: 2 },
      { principal: "board:door", online: false, lastSeen },
      { principal: "board:new", online: false },
    ],
  });
  expect(node.relations.state.questions).toBe(1);
});

test("everybody sees whose comings and goings they are told, and nobody else", async () => {
  const node = routingNode();
  node.relations.family("ann", { ben: "member", eve: "guest" }, ["lamp"]);
  const [ann, eve, lamp, zoe] = await node.talkers("ann", "eve", "board:lamp", "zoe", "ann");
  expect(await told(node, eve!, "boards")).toEqual(["board:lamp 1"]);
  expect(await told(node, eve!, "board:lamp")).toEqual(["board:lamp 1"]);
  expect(await told(node, eve!, "user:ben")).toEqual(["user:ben"]);
  // Their own sessions are phones, too, the one that asks among them.
  const family = ["user:ben", "user:eve 1", "user:ann 2"];
  expect(await told(node, ann!, "phones")).toEqual(family);
  expect(await told(node, ann!, "family:ann")).toEqual(family);
  expect(await told(node, ann!, "user:ann")).toEqual(["user:ann 2"]);
  expect(await told(node, lamp!, "family:ann")).toEqual(["user:ann 2", "user:ben", "user:eve 1"]);
  expect(await told(node, lamp!, "board:lamp")).toEqual(["board:lamp 1"]);
  expect(await told(node, zoe!, "phones")).toEqual(["user:zoe 1"]);
  for (const of of ["boards", "board:lamp", "user:ann", "family:ann", "family:zoe"]) {
    expect(await told(node, zoe!, of), of).toBe("route.forbidden");
  }
  expect(await told(node, lamp!, "boards")).toBe("route.forbidden");
});

test("a change of relations counts from the next question on", async () => {
  const node = routingNode();
  const [ann] = await node.talkers("ann", "board:lamp");
  expect(await told(node, ann!, "board:lamp")).toBe("route.forbidden");
  node.relations.bind("ann", "lamp");
  await node.settle();
  expect(await told(node, ann!, "board:lamp")).toEqual(["board:lamp 1"]);
  node.relations.view("ann", {});
  await node.settle();
  expect(await told(node, ann!, "board:lamp")).toBe("route.forbidden");
});

test("what flaps is told as it is, not as it was announced", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  for (let round = 0; round < 4; round += 1) {
    lamp!.drop();
    await node.settle();
    if (round < 3) node.attach(lamp!.session);
    await node.settle();
  }
  const announced = ann!.statuses().length;
  node.attach(lamp!.session);
  await node.settle();
  expect(ann!.statuses()).toHaveLength(announced);
  expect(await told(node, ann!, "boards")).toEqual(["board:lamp 1"]);
});

test("an address of no principals is refused naming the field, as is none at all", async () => {
  const node = routingNode();
  const [ann] = await node.talkers("ann");
  const cases = [
    ["session:s1", "a session:"],
    ["topic:news", "a topic:"],
    ["user:board:lamp", "a string of 15 characters"],
    ["user:", "a string of 5 characters"],
    ["Boards", "a string of 6 characters"],
  ];
  for (const [of, got] of cases) {
    const expected = "user:, board: or family: and a name, or boards, or phones";
    expect(await ask(node, ann!, of!), of).toMatchObject({
      ...{ code: "protocol.invalid", message: `of must be ${expected}; got ${got}` },
    });
  }
});

test("of more than a thousand the first thousand are told, and how many there are", async () => {
  const node = routingNode();
  const boards = Array.from({ length: 1_200 }, (_, n) => [`board:b${n}`, "owner"] as const);
  node.relations.view("ann", Object.fromEntries(boards));
  const [ann] = await node.talkers("ann", "board:b999", "board:b1000");
  const { members, count } = (await ask(node, ann!, "boards")) as Present;
  expect({ listed: members.length, count }).toEqual({ listed: 1_000, count: 1_200 });
  expect(members.filter(({ online }) => online)).toEqual([
    { principal: "board:b999", online: true, sessions: 1 },
  ]);
  expect(await told(node, ann!, "board:b1000")).toEqual(["board:b1000 1"]);
});

test("one who does not answer is waited for within a bound, and who ends is offline", async () => {
  const node = routingNode();
  for (const board of ["lamp", "stuck"]) node.relations.bind("ann", board);
  const stuck = node.system.spawn(deaf, { name: "board:stuck", state: null });
  const [ann] = await node.talkers("ann", "board:lamp");
  expect(await ask(node, ann!, "boards")).toBeUndefined();
  await node.advance(3_100);
  expect(ann!.frames()).toMatchObject([{ type: "error", id: 7, code: "route.timeout" }]);
  expect(await ask(node, ann!, "boards", 8)).toBeUndefined();
  stuck.send({ type: "kick", device: undefined });
  await node.settle();
  expect(ann!.frames().at(-1)).toMatchObject({
    ...{ type: "present", id: 8, count: 2 },
    members: [{ online: true }, { principal: "board:stuck", online: false }],
  });
});

test("who is told as online only after the count keeps the sessions counted", async () => {
  const presence = { changesMax: 2, windowMs: 10_000, holdMs: 1_000 };
  const node = routingNode({ user: { presence } });
  for (const board of ["lamp", "stuck"]) node.relations.bind("ann", board);
  const stuck = node.system.spawn(deaf, { name: "board:stuck", state: null });
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  lamp!.drop();
  await node.talkers("board:lamp", "board:lamp");
  ann!.request({ type: "who", id: 7, of: "boards" });
  await node.settle();
  expect(ann!.statuses().at(-1)).toBe("device.offline board:lamp");
  await node.advance(1_000);
  expect(ann!.statuses().at(-1)).toBe("device.online board:lamp");
  stuck.send({ type: "kick", device: undefined });
  await node.settle();
  expect(ann!.frames()).toMatchObject([
    { members: [{ principal: "board:lamp", sessions: 2 }, { principal: "board:stuck" }] },
  ]);
});

test("an answer is never older than a coming or going that was told before it", async () => {
  const node = routingNode();
  for (const board of ["lamp", "door", "stuck"]) node.relations.bind("ann", board);
  const stuck = node.system.spawn(deaf, { name: "board:stuck", state: null });
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  ann!.request({ type: "who", id: 7, of: "boards" });
  await node.settle();
  lamp!.drop();
  await node.talkers("board:door");
  expect(ann!.statuses().slice(-2)).toEqual([
    "device.offline board:lamp",
    "device.online board:door",
  ]);
  const gone = node.clock.now();
  await node.advance(1_000);
  stuck.send({ type: "kick", device: undefined });
  await node.settle();
  expect(ann!.frames()).toMatchObject([
    {
      type: "present",
      members: [
        { principal: "board:lamp", online: false, lastSeen: gone },
        { principal: "board:door", online: true, sessions: 1 },
        { principal: "board:stuck", online: false },
      ],
    },
  ]);
});

test("only so many questions of a session are in work; each has its answer", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const [ann] = await node.talkers("ann");
  node.relations.state.isMute = true;
  for (let id = 1; id <= 6; id += 1) ann!.request({ type: "who", id, of: "boards" });
  await node.settle();
  const refused = { type: "error", code: "route.too-many", retryAfterMs: 1_000 };
  expect(ann!.frames()).toMatchObject([
    { ...refused, id: 5 },
    { ...refused, id: 6 },
  ]);
  await node.advance(5_100);
  const failed = [1, 2, 3, 4].map((id) => ({ type: "error", id, code: "store.unavailable" }));
  expect(ann!.frames().slice(2)).toMatchObject(failed);
  node.relations.state.isMute = false;
  expect(await told(node, ann!, "boards")).toEqual(["board:lamp"]);
});

test("a question that comes before its relations are known waits for them", async () => {
  const node = routingNode();
  node.relations.bind("ann", "lamp");
  const ann = node.talker("ann");
  ann.request({ type: "who", id: 1, of: "boards" });
  await node.settle();
  expect(ann.frames()).toMatchObject([{ type: "present", id: 1, count: 1 }]);
});
