import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { topicKind } from "../../../src/actors/topic/messages.ts";
import { Device } from "../../process/device.ts";
import { startWholeNode, type WholeNode } from "./whole-node.ts";

const RULE = { match: "Räume/*", historyMax: 3, historyMs: 60_000, slow: "coalesce" };
const NAME = "Räume/1?x=ü&y";
const PATH = `/v1/topics/${encodeURIComponent(NAME)}`;

let node: WholeNode;
beforeAll(async () => {
  node = await startWholeNode({ topics: { rules: [RULE] } });
});
afterAll(() => node.stop());

async function subscriber(user: string): Promise<Device> {
  const grants = { subscribe: ["*"], publish: ["*"] };
  const minted = { kind: "device", ttlMs: 600_000, user, ...grants };
  const { token } = await node.call("POST", "/v1/tokens", minted);
  const device = await Device.login(node.websocket, token);
  await device.ask({ type: "subscribe", topic: NAME });
  return device;
}

test("a topic is shown with who is there, where it is, what it keeps and its rule", async () => {
  const [a, b] = [await subscriber("ann"), await subscriber("bob")];
  for (let n = 1; n <= 4; n += 1) {
    await a.ask({ type: "publish", topic: NAME, payload: { n } });
  }
  const { epoch, members, ...view } = await node.call("GET", PATH);
  assert.match(epoch, /^[a-z0-9]{16}$/);
  assert.deepEqual(view, {
    ...{ topic: NAME, offset: 4, kept: 3, subscribers: 2, count: 2 },
    rule: { ...RULE, presence: true, presenceMax: 100 },
  });
  assert.deepEqual(members, [
    { principal: "user:ann", sessions: 1 },
    { principal: "user:bob", sessions: 1 },
  ]);
  const { items } = await node.call("GET", "/v1/topics");
  assert.deepEqual(items, [{ topic: NAME, epoch, offset: 4, kept: 3, subscribers: 2 }]);
  a.close();
  b.close();
});

test("its history is read from any place on, as far as it is kept", async () => {
  const all = await node.call("GET", `${PATH}/history`);
  const offsets = (page: { items: { offset: number }[] }) => page.items.map((it) => it.offset);
  assert.deepEqual(offsets(all), [2, 3, 4]);
  assert.partialDeepStrictEqual(all.items[2], { from: "user:ann", payload: { n: 4 } });
  assert.deepEqual(offsets(await node.call("GET", `${PATH}/history?after=2&limit=1`)), [3]);
  assert.deepEqual(offsets(await node.call("GET", `${PATH}/history?after=4`)), []);
});

test("a topic that is not here is unknown, and looking does not make it", async () => {
  for (const path of ["/v1/topics/none", "/v1/topics/none/history"]) {
    const { status, code } = await node.fail("GET", path);
    assert.deepEqual([status, code], [404, "topic.unknown"]);
  }
  assert.equal(node.system.find(topicKind, "none"), undefined);
  const { problems } = await node.fail("GET", `${PATH}/history?after=-1&limit=101`);
  assert.deepEqual(
    problems.map(({ path }: { path: string }) => path),
    ["query.after", "query.limit"],
  );
});
