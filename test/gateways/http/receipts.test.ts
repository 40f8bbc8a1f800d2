import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { seededRandom } from "../../../src/core/random.ts";
import { signRequest, TOLERANCE_MS } from "../../../src/core/signature.ts";
import { type HttpNode, RECEIPT_KEYS, startHttpNode } from "./node.ts";

const PATH = "/v1/providers/crm/receipts";
const [KEY, NEW_KEY] = RECEIPT_KEYS as [Uint8Array, Uint8Array];

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

interface PostOptions {
  readonly path?: string;
  readonly keys?: readonly Uint8Array[];
  readonly at?: number;
  /** What is sent instead of what was signed. */
  readonly sent?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function post(content: unknown, options: PostOptions = {}) {
  const { path = PATH, keys = [KEY], at = Date.now(), headers } = options;
  const body = typeof content === "string" ? content : JSON.stringify(content);
  const signed = signRequest({ id: "rcpt_1", at }, body, keys);
  return node.call("POST", path, {
    token: null,
    headers: { "content-type": "application/json", ...signed, ...headers },
    body: options.sent ?? body,
  });
}

const told = (message: string, status = "delivered", more: object = {}) => ({
  ...{ message, status, at: 5 },
  ...more,
});

test("signed receipts are taken, counted and kept", async () => {
  const receipts = [
    told("c1:1:0/0:0"),
    told("c1:1:0/0:0"),
    told("unknown-1", "failed", { reason: "no such number", part: 2 }),
  ];
  const reply = await post({ receipts });
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(reply.json, { applied: 1, repeated: 1, unmatched: 1 });
  const page = { campaign: "c1", epoch: 1, partition: 0, k: 0 };
  assert.deepEqual(await node.stores.receipts.ofPage("crm", page), [
    { index: 0, status: "delivered", at: 5 },
  ]);
});

test("a request that is repeated, as it is or shuffled, changes nothing", async () => {
  const random = seededRandom(4);
  const statuses = ["accepted", "failed", "delivered", "opened", "clicked"];
  const receipts = Array.from({ length: 200 }, (_, n) =>
    told(`c2:1:0/0:${n % 20}`, statuses[Math.floor(random() * 5)]),
  );
  await post({ receipts });
  const page = { campaign: "c2", epoch: 1, partition: 0, k: 0 };
  const before = await node.stores.receipts.ofPage("crm", page);
  for (let round = 0; round < 3; round += 1) {
    const shuffled = receipts.map((it) => ({ it, n: random() })).sort((a, b) => a.n - b.n);
    const reply = await post({ receipts: shuffled.map(({ it }) => it) });
    assert.deepEqual(reply.json, { applied: 0, repeated: 200, unmatched: 0 });
  }
  assert.deepEqual(await node.stores.receipts.ofPage("crm", page), before);
});

test("either key is good while they are exchanged, and so are both", async () => {
  for (const keys of [[KEY], [NEW_KEY], [NEW_KEY, KEY]]) {
    assert.equal((await post({ receipts: [told("a")] }, { keys })).status, 200);
  }
});

test("what is not signed by the provider, just now and as it came, is refused", async () => {
  const body = { receipts: [told("c3:1:0/0:0")] };
  const cases: PostOptions[] = [
    { keys: [] },
    { keys: [new Uint8Array(32).fill(9)] },
    { sent: JSON.stringify({ receipts: [told("c3:1:0/0:1")] }) },
    { at: Date.now() - TOLERANCE_MS - 5_000 },
    { at: Date.now() + TOLERANCE_MS + 5_000 },
    { path: "/v1/providers/other/receipts" },
    { headers: { "webhook-timestamp": "0" } },
    { headers: { "webhook-id": "rcpt_2" } },
  ];
  for (const options of cases) {
    const reply = await post(body, options);
    assert.deepEqual([reply.status, reply.json.error.code], [401, "auth.signature"]);
  }
  const token = await node.call("POST", PATH, { json: body });
  assert.deepEqual([token.status, token.json.error.code], [401, "auth.signature"]);
  const page = { campaign: "c3", epoch: 1, partition: 0, k: 0 };
  assert.deepEqual(await node.stores.receipts.ofPage("crm", page), []);
});

test("the signature is checked before anybody looks into the body", async () => {
  const reply = await post("{not json", { keys: [] });
  assert.equal(reply.status, 401);
  const signed = await post("{not json");
  assert.deepEqual([signed.status, signed.json.error.code], [400, "http.invalid"]);
});

test("a batch that we have sent is no batch of receipts, although it is signed", async () => {
  const reply = await post({ id: "batch_1", ledger: "campaign:c1:1", items: [] });
  assert.deepEqual([reply.status, reply.json.error.code], [400, "http.invalid"]);
});

test("every field that is wrong is named, and nothing of the request is taken", async () => {
  const reply = await post({
    receipts: [told("c4:1:0/0:0"), told("", "seen"), { message: "m", status: "opened", part: -1 }],
  });
  assert.equal(reply.status, 400);
  const paths = reply.json.error.problems.map(({ path }: { path: string }) => path);
  assert.deepEqual(paths, ["receipts.1.message", "receipts.1.status", "receipts.2.part"]);
  const page = { campaign: "c4", epoch: 1, partition: 0, k: 0 };
  assert.deepEqual(await node.stores.receipts.ofPage("crm", page), []);
});
