import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { fingerprintOf } from "../../../src/gateways/http/job.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { type CallOptions, type HttpNode, startHttpNode } from "./node.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

const campaign = { name: "spring", audience: "aud_1", payload: 1 };
const key = (value: string) => ({ "idempotency-key": value });

test("a repeated request is not done again and gets the same answer", async () => {
  const options = { json: campaign, headers: key("repeat") };
  const first = await node.call("POST", "/v1/campaigns", options);
  const before = node.seen.campaigns;
  const again = await node.call("POST", "/v1/campaigns", options);
  assert.deepEqual([again.status, again.text], [first.status, first.text]);
  assert.equal(first.headers.get("idempotency-replayed"), null);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.equal(node.seen.campaigns, before);
});

test("of many at once one is done, and the others get its answer or are told to wait", async () => {
  const before = node.seen.campaigns;
  const options = { json: campaign, headers: key("parallel") };
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => node.call("POST", "/v1/campaigns", options)),
  );
  assert.equal(node.seen.campaigns, before + 1);
  const ids = replies.filter(({ status }) => status === 201).map(({ json }) => json.id);
  assert.equal(new Set(ids).size, 1);
  for (const { status, json, headers } of replies.filter((it) => it.status !== 201)) {
    assert.deepEqual([status, json.error.code], [409, "http.idempotency-running"]);
    assert.equal(headers.get("retry-after"), "1");
  }
});

test("a key belongs to its token, method and path", async () => {
  const options = { json: campaign, headers: key("scope") };
  const mine = await node.call("POST", "/v1/campaigns", options);
  const theirs = await node.call("POST", "/v1/campaigns", {
    ...options,
    token: node.tokens.operator,
  });
  assert.notEqual(mine.json.id, theirs.json.id);
  const other = await node.call("POST", "/v1/campaigns/cam_1/start", { headers: key("scope") });
  assert.equal(other.headers.get("idempotency-replayed"), null);
});

test("another body or query under the same key is refused", async () => {
  const headers = key("mismatch");
  await node.call("POST", "/v1/campaigns", { json: campaign, headers });
  const json = { ...campaign, rate: 5 };
  const reply = await node.call("POST", "/v1/campaigns", { json, headers });
  assert.deepEqual([reply.status, reply.json.error.code], [422, "http.idempotency-mismatch"]);
});

test("a failure that may pass gives the key back", async () => {
  const unlucky = await startHttpNode();
  const options = { json: { ...campaign, name: "unlucky" }, headers: key("again") };
  const first = await unlucky.call("POST", "/v1/campaigns", options);
  assert.deepEqual([first.status, first.json.error.retryable], [503, true]);
  assert.ok(first.headers.get("retry-after"));
  const again = await unlucky.call("POST", "/v1/campaigns", options);
  assert.deepEqual([again.status, again.json.id], [201, "cam_2"]);
  await unlucky.stop();
});

test("a refusal that will not pass is repeated as it was", async () => {
  const headers = key("refused");
  const first = await node.call("POST", "/v1/campaigns/cam_1/resume", { headers });
  const again = await node.call("POST", "/v1/campaigns/cam_1/resume", { headers });
  assert.deepEqual([again.status, again.text], [409, first.text]);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
});

test("a request that was wrong in itself does not use its key up", async () => {
  const headers = key("typo");
  const wrong = await node.call("POST", "/v1/campaigns", { json: { nam: "x" }, headers });
  assert.equal(wrong.status, 400);
  assert.equal((await node.call("POST", "/v1/campaigns", { json: campaign, headers })).status, 201);
});

test("a key must be 1 to 200 visible characters", async () => {
  for (const bad of ["a b", "x".repeat(201), "é"]) {
    const reply = await node.call("POST", "/v1/campaigns", { json: campaign, headers: key(bad) });
    assert.equal(reply.json.error.problems[0].path, "header.idempotency-key", bad);
  }
});

test("answers survive a restart, and what a dead node left unfinished is done anew", async () => {
  const options = { json: campaign, headers: key("restart") };
  const first = await node.call("POST", "/v1/campaigns", options);
  const [admin] = await node.stores.credentials.tokens();
  const left = `${admin!.id} POST /v1/campaigns left`;
  const fingerprint = fingerprintOf("", JSON.stringify(campaign));
  const claim = { key: left, fingerprint, owner: "dead", at: Date.now() };
  await node.stores.requests.begin(claim);

  const restarted = await startHttpNode({ stores: node.stores });
  const token = node.tokens.admin;
  const again = await restarted.call("POST", "/v1/campaigns", { ...options, token });
  assert.deepEqual([again.status, again.text], [first.status, first.text]);
  const anew = { json: campaign, headers: key("left"), token };
  assert.equal((await restarted.call("POST", "/v1/campaigns", anew)).status, 201);
  await restarted.stop();
});

test("what a node made before it died is not made again when its request is repeated", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1_000 });
  const recorded: string[] = [];
  const finish = async () => {
    const { items } = await stores.audit.list({ limit: 10 });
    recorded.push(items[0]?.action ?? "nothing");
  };
  const dying = await startHttpNode({
    stores: { ...stores, requests: { ...stores.requests, finish } },
  });
  const restarted = await startHttpNode({ stores });
  const json = { to: ["user:ann"], topic: "t", payload: 1 };
  const body = JSON.stringify(json);
  const lines = { "content-type": "application/x-ndjson", ...key("lines") };
  const requests: [path: string, options: CallOptions][] = [
    ["/v1/push", { json, headers: key("push") }],
    ["/v1/push", { body, headers: lines }],
    [
      "/v1/devices/user:ann/send",
      { json: { topic: "t", payload: 1, ttlMs: 60_000 }, headers: key("send") },
    ],
    ["/v1/users/ann/announce", { json: { event: "user.phone-bound" }, headers: key("announce") }],
  ];
  for (const [path, options] of requests) {
    const first = await dying.call("POST", path, options);
    const again = await restarted.call("POST", path, { ...options, token: dying.tokens.admin });
    assert.deepEqual([first.status, again.status], [200, 200], path);
    assert.equal(again.headers.get("idempotency-replayed"), null, path);
    assert.equal(again.json.id, first.json.id, path);
  }
  const [inbox] = await stores.inbox.read(["ann"], 0);
  assert.equal(inbox!.items.length, requests.length);
  // The audit has a change before its request counts as done, so that no crash leaves it out.
  assert.deepEqual(recorded, ["push.send", "push.send", "device.send", "user.announce"]);
  await dying.stop();
  await restarted.stop();
});

test("a replayed token is null: secrets are not kept", async () => {
  const options = { json: { kind: "api", name: "n", role: "viewer" }, headers: key("token") };
  const first = await node.call("POST", "/v1/tokens", options);
  const again = await node.call("POST", "/v1/tokens", options);
  assert.match(first.json.token, /^hat_/);
  assert.deepEqual([again.json.token, again.json.id], [null, first.json.id]);
});

test("an upload is told from another one by its content", async () => {
  const headers = { "content-type": "text/csv", ...key("upload") };
  const upload = (body: string) => node.call("POST", "/v1/audiences?name=a", { body, headers });
  const first = await upload("member\na\nb\n");
  const { chunks } = node.seen;
  const again = await upload("member\na\nb\n");
  assert.deepEqual([again.status, again.text], [201, first.text]);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  const other = await upload("member\na\nc\n");
  assert.deepEqual([other.status, other.json.error.code], [422, "http.idempotency-mismatch"]);
  assert.equal(node.seen.chunks, chunks, "nothing was imported again");
});

test("an upload that failed gives its key back", async () => {
  const headers = { "content-type": "text/csv", ...key("failed-upload") };
  const upload = (name: string) =>
    node.call("POST", `/v1/audiences?name=${name}`, { body: "member\na\n", headers });
  for (let n = 0; n < 2; n += 1) {
    const failed = await upload("bad");
    assert.deepEqual([failed.status, failed.json.error.code], [422, "audience.invalid"]);
    assert.equal(failed.headers.get("idempotency-replayed"), null);
  }
});
