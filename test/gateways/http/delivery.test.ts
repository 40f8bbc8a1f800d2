import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { startWholeNode, type WholeNode } from "./whole-node.ts";

let node: WholeNode;
beforeAll(async () => {
  node = await startWholeNode();
});
afterAll(() => node.stop());

interface Result {
  readonly to: string;
  readonly message: number;
  readonly result: string;
  readonly [field: string]: unknown;
}

async function push(body: unknown, type?: string): Promise<{ id: string; items: Result[] }> {
  return node.call("POST", "/v1/push", body, type);
}

const hello = (to: readonly string[], more: object = {}) => ({
  ...{ to, topic: "orders", payload: { text: "hello" } },
  ...more,
});

test("users, boards, families, sessions and topics get a push, with a result each", async () => {
  await node.call("PUT", "/v1/boards/b-1", {});
  await node.call("POST", "/v1/families/f-ann/invite", { user: "f-bob", role: "member" });
  await node.call("POST", "/v1/families/f-ann/join", { user: "f-bob" });
  await node.call("POST", "/v1/families/f-ann/invite", { user: "f-eve", role: "member" });
  const board = await node.login({ board: "b-1" });
  const phone = await node.login({ user: "s-ann" });
  const { items: live } = await node.call("GET", "/v1/devices?user=s-ann");
  const session = `session:${live[0].id}`;
  const to = ["user:u-1", "board:b-1", "family:f-ann", session, "topic:news", "session:s_none"];
  const { items } = await push(hello([...to, "family:f-none"]));
  assert.deepEqual(
    items.map(({ to, result, offset, reached, code }) => [to, result, offset ?? reached, code]),
    [
      ["user:u-1", "recorded", 1, undefined],
      ["board:b-1", "recorded", 1, undefined],
      ["user:f-ann", "recorded", 4, undefined],
      ["user:f-bob", "recorded", 3, undefined],
      [session, "reached", 1, undefined],
      ["topic:news", "reached", 1, undefined],
      ["session:s_none", "unknown", undefined, "session.unknown"],
      ["family:f-none", "unknown", undefined, "family.unknown"],
    ],
  );
  assert.deepEqual((await board.push()).payload, { text: "hello" });
  assert.deepEqual((await phone.push()).payload, { text: "hello" });
  board.close();
  phone.close();
});

test("a push without a time to wait reaches who is connected, and is in no inbox", async () => {
  const phone = await node.login({ user: "v-ann" });
  const { id, items } = await push(hello(["user:v-ann", "user:v-away"], { ttlMs: 0 }));
  assert.deepEqual(
    items.map(({ result, reached }) => [result, reached]),
    [
      ["reached", 1],
      ["reached", 0],
    ],
  );
  assert.equal((await phone.push()).offset, undefined);
  assert.equal((await node.fail("GET", `/v1/push/${id}`)).code, "push.unknown");
  phone.close();
});

test("what became of a push is told for each recipient: confirmed, waiting, expired", async () => {
  const phone = await node.login({ user: "w-ann" });
  const messages = [hello(["user:w-ann", "user:w-away"]), hello(["user:w-away"], { ttlMs: 1 })];
  const { id } = await push({ messages, id: "w" });
  await phone.push();
  await phone.ping();
  const states = async () => {
    const { items } = await node.call("GET", `/v1/push/${id}`);
    return items.map((it: { to: string; message: number; state: string }) => [
      ...[it.to, it.message, it.state],
    ]);
  };
  // Expiry is looked for once a second.
  let found = await states();
  while (found[2][2] === "pending") found = await states();
  assert.deepEqual(found, [
    ["user:w-ann", 0, "acked"],
    ["user:w-away", 0, "pending"],
    ["user:w-away", 1, "expired"],
  ]);
  phone.close();
});

test("what became of a push comes in pages, and a wrong cursor is said to be", async () => {
  await push(hello(["user:p-1", "user:p-2", "user:p-3"], { id: "p" }));
  const first = await node.call("GET", "/v1/push/p?limit=2");
  const second = await node.call("GET", `/v1/push/p?limit=2&after=${first.next}`);
  const to = [...first.items, ...second.items].map((it: { to: string }) => it.to);
  assert.deepEqual([to, second.next], [["user:p-1", "user:p-2", "user:p-3"], undefined]);
  assert.equal((await node.fail("GET", "/v1/push/p?after=push:q:0:x")).code, "store.cursor");
});

test("a thousand messages go in one request, as JSON or lines, and once each", async () => {
  const messages = Array.from({ length: 1_000 }, (_, n) => hello([`user:t-${n % 10}`]));
  const first = await push({ messages, id: "thousand" });
  const again = await push({ messages, id: "thousand" });
  assert.equal(first.items.length, 1_000);
  assert.ok(first.items.every(({ fresh, message }, n) => fresh === true && message === n));
  assert.ok(
    again.items.every(({ fresh, offset }, n) => {
      return fresh === false && offset === first.items[n]!["offset"];
    }),
  );
  const lines = messages.map((it) => JSON.stringify(it)).join("\n");
  const third = await push(lines, "application/x-ndjson");
  assert.ok(third.items.every(({ fresh }) => fresh === true));
  const one = hello(["user:t-0"]);
  const tooMany = await node.fail("POST", "/v1/push", { messages: [...messages, one] });
  assert.deepEqual(tooMany.problems, [
    { path: "messages", expected: "at most 1000 items", got: "1001 items" },
  ]);
  const longer = await node.fail("POST", "/v1/push", `${lines}\n${lines}`, "application/x-ndjson");
  assert.equal(longer.problems[0].expected, "at most 1000 lines");
});

test("a line that is wrong is named, and no line of its request is sent", async () => {
  const lines = [JSON.stringify(hello(["user:l-1"])), JSON.stringify(hello(["boards"])), "{"].join(
    "\n",
  );
  const error = await node.fail("POST", "/v1/push", lines, "application/x-ndjson");
  assert.deepEqual(error.problems.map(({ path }: { path: string }) => path).sort(), [
    "line 2.to.0",
    "line 3",
  ]);
  const { items } = await push(hello(["user:l-1"]));
  assert.equal(items[0]?.["offset"], 1);
});

test("more recipients than one request may have are refused before anything is sent", async () => {
  const to = Array.from({ length: 1_000 }, (_, n) => `user:x-${n}`);
  const messages = Array.from({ length: 11 }, () => hello(to));
  const { problems } = await node.fail("POST", "/v1/push", { messages });
  assert.deepEqual(problems[0], {
    ...{ path: "to", expected: "at most 10000 recipients in one request", got: "11000" },
  });
  assert.equal((await push(hello(["user:x-0"]))).items[0]?.["offset"], 1);
});

test("more families than one request may have are refused", async () => {
  const to = Array.from({ length: 101 }, (_, n) => `family:x-${n}`);
  const { problems } = await node.fail("POST", "/v1/push", hello(to));
  assert.equal(problems[0].expected, "at most 100 families in one request");
});

test("of one request the urgent messages are recorded first", async () => {
  const messages = ["low", "normal", "high", "normal"].map((priority) =>
    hello(["user:o-ann"], { priority }),
  );
  const { items } = await push({ messages });
  assert.deepEqual(
    items.map(({ message, offset }) => [message, offset]),
    [
      [0, 4],
      [1, 2],
      [2, 1],
      [3, 3],
    ],
  );
});

test("who is named twice gets one message, with or without a time to wait", async () => {
  const phone = await node.login({ user: "d-ann" });
  const { items: live } = await node.call("GET", "/v1/devices?user=d-ann");
  const to = ["user:d-ann", "topic:d-news", `session:${live[0].id}`];
  const { items } = await push(hello([...to, ...to], { ttlMs: 0 }));
  assert.deepEqual(items.slice(3), items.slice(0, 3));
  assert.ok(items.every(({ result }) => result === "reached"));
  await push({ messages: [1, 2].map(() => hello(["user:d-ann"], { id: "d-1", ttlMs: 0 })) });
  await phone.ping();
  assert.deepEqual(
    phone.pushes.map(({ id }) => id.split(":").slice(2).join(":")),
    ["0:d-ann", `0:session:${live[0].id}`, "0:d-ann"],
  );
  assert.equal((await push(hello(["topic:d-news"]))).items[0]?.["offset"], 2);
  phone.close();
});

test("a board is not a user, and an address that says so is refused", async () => {
  const { problems } = await node.fail("POST", "/v1/push", hello(["user:a", "user:board:b-1"]));
  assert.deepEqual(problems, [
    {
      path: "to.1",
      expected: "user:, board:, family:, session: or topic: and a name",
      got: '"user:board:b-1"',
    },
  ]);
});

test("the same user in a family and by name gets one message", async () => {
  const { items } = await push(hello(["user:f-ann", "family:f-ann"]));
  const mine = items.filter(({ to }) => to === "user:f-ann");
  assert.deepEqual(
    mine.map(({ fresh }) => fresh),
    [true, false],
  );
  assert.equal(mine[0]?.["offset"], mine[1]?.["offset"]);
});
