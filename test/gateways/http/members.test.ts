import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { type HttpNode, startHttpNode } from "./node.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

const NDJSON = { "content-type": "application/x-ndjson" };

/** The fields that an error names. */
function paths(reply: { json: { error: { problems: { path: string }[] } } }): string[] {
  return reply.json.error.problems.map(({ path }) => path);
}

test("lines of NDJSON become members; bad lines are told by number and left out", async () => {
  const body = [
    '{"id":"n-1","attributes":{"city":"Wien","age":36},"tags":["beta"],"locale":"de-at"}',
    "",
    '{"id":"n-2","attributes":{"a b":1}}',
    "not json",
    '{"id":"n-3","timeZone":"Europe/Nowhere"}',
    '{"id":"n-1","attributes":{"age":null},"timeZone":"Europe/Vienna"}',
    '{"id":"n-4","lastSeenAt":"2026-05-01T08:00:00Z"}',
  ].join("\n");
  const reply = await node.call("POST", "/v1/members", { headers: NDJSON, body });
  assert.equal(reply.status, 200);
  const { errors, ...counts } = reply.json;
  assert.deepEqual(counts, { lines: 6, stored: 3, invalid: 3 });
  const told = errors.map((it: { line: number; field: string }) => `${it.line} ${it.field}`);
  assert.deepEqual(told, ["3 attributes.a b", "4 ", "5 timeZone"]);
  const shown = await node.call("GET", "/v1/members/n-1");
  assert.partialDeepStrictEqual(shown.json, {
    attributes: { city: "Wien" },
    tags: ["beta"],
    locale: "de-AT",
    timeZone: "Europe/Vienna",
  });
  const seen = await node.call("GET", "/v1/members/n-4");
  assert.equal(seen.json.lastSeenAt, Date.parse("2026-05-01T08:00:00Z"));
});

test("members given as JSON are all stored, or none with every field named", async () => {
  const one = await node.call("POST", "/v1/members", { json: { id: "j-1", tags: ["x"] } });
  assert.equal(one.json.stored, 1);
  const bad = await node.call("POST", "/v1/members", {
    json: [{ id: "j-2" }, { id: "j-3", locale: "??" }, { id: "j-4", addTags: ['a"b'] }],
  });
  assert.equal(bad.status, 422);
  assert.equal(bad.json.error.code, "member.invalid");
  assert.deepEqual(paths(bad), ["1.locale", "2.addTags.0"]);
  assert.equal((await node.call("GET", "/v1/members/j-2")).status, 404);
});

test("a member is changed, opted out and removed by its id, whatever that is made of", async () => {
  const id = "ö/1 %";
  const path = `/v1/members/${encodeURIComponent(id)}`;
  const change = { attributes: { city: "Graz" } };
  const unknown = await node.call("PATCH", path, { json: change });
  assert.equal(unknown.json.error.code, "member.unknown");
  await node.call("POST", "/v1/members", { json: { id } });
  assert.equal((await node.call("PATCH", path, { json: change })).json.attributes.city, "Graz");
  const wrong = await node.call("PATCH", path, { json: { id: "other" } });
  assert.deepEqual(paths(wrong), ["id"]);
  assert.equal((await node.call("POST", `${path}/opt-out`, { json: {} })).json.optedOut, true);
  assert.deepEqual((await node.call("DELETE", path)).json, { id });
  assert.equal((await node.call("GET", path)).status, 404);
});

test("an opt-out of somebody unknown is kept", async () => {
  await node.call("POST", "/v1/members/o-1/opt-out", { json: {} });
  await node.call("POST", "/v1/members", { json: { id: "o-1", tags: ["out"] } });
  const preview = { condition: { tag: "out" } };
  const { json } = await node.call("POST", "/v1/conditions/preview", { json: preview });
  assert.deepEqual(json, {
    count: 0,
    excluded: { optedOut: 1, suppressed: 0, noAddress: 0 },
    words: "tagged out",
    sample: [],
  });
});

test("who is suppressed is listed with who and why, and can be lifted", async () => {
  const entries = [{ kind: "address", value: "+43 1/2", why: "asked for it" }];
  const added = await node.call("POST", "/v1/suppressions", { json: { entries } });
  assert.deepEqual(added.json, { added: 1 });
  const { json } = await node.call("GET", "/v1/suppressions?limit=1");
  assert.partialDeepStrictEqual(json.items[0], entries[0]);
  assert.match(json.items[0].by, /^tok_/);
  const path = `/v1/suppressions/address/${encodeURIComponent("+43 1/2")}`;
  assert.deepEqual((await node.call("DELETE", path)).json, { removed: true });
  assert.deepEqual((await node.call("DELETE", path)).json, { removed: false });
});

test("a preview counts, tells in words and samples; nothing is stored", async () => {
  const members = Array.from({ length: 40 }, (_, n) => ({
    id: `p-${n}`,
    attributes: { group: "p", n, ...(n % 2 ? { phone: `0${n}` } : {}) },
  }));
  await node.call("POST", "/v1/members", { json: members });
  const condition = {
    all: [
      { attr: "group", eq: "p" },
      { attr: "n", lt: 10 },
    ],
  };
  const plain = await node.call("POST", "/v1/conditions/preview", { json: { condition } });
  assert.equal(plain.json.count, 10);
  assert.equal(plain.json.sample.length, 5);
  assert.equal(plain.json.words, 'group is "p" and n is less than 10');
  const json = { condition, address: "phone" };
  const reached = await node.call("POST", "/v1/conditions/preview", { json });
  assert.equal(reached.json.count, 5);
  assert.equal(reached.json.excluded.noAddress, 5);
});

test("a bad condition is refused with the path of each field", async () => {
  const condition = { any: [{ attr: "a", lt: true }, { not: { tags: "x" } }, { sample: -1 }] };
  const reply = await node.call("POST", "/v1/conditions/preview", { json: { condition } });
  assert.equal(reply.status, 400);
  const expected = ["condition.any.0.lt", "condition.any.1.not", "condition.any.2.sample"];
  assert.deepEqual(paths(reply), expected);
  const unknown = await node.call("POST", "/v1/conditions/preview", {
    json: { condition: { audience: "aud_none" } },
  });
  assert.equal(unknown.json.error.code, "audience.unknown");
});

test("viewers may look and preview, and may change nothing", async () => {
  const token = node.tokens.viewer;
  const json = { condition: { all: [] } };
  assert.equal((await node.call("POST", "/v1/conditions/preview", { token, json })).status, 200);
  assert.equal((await node.call("POST", "/v1/members", { token, json: { id: "x" } })).status, 403);
  const body = '{"id":"x"}';
  const upload = await node.call("POST", "/v1/members", { token, headers: NDJSON, body });
  assert.equal(upload.status, 403);
  assert.equal((await node.call("GET", "/v1/members/x")).status, 404);
});

test("each change is recorded with who made it", async () => {
  await node.call("POST", "/v1/members/a-1/opt-out", { json: {} });
  const { json } = await node.call("GET", "/v1/audit?limit=1");
  assert.partialDeepStrictEqual(json.items[0], { action: "member.opt-out", target: "a-1" });
});
