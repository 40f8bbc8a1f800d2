import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { storeList } from "../../../src/actors/collect/list.ts";
import { newAudience } from "../../../src/actors/collect/store.ts";
import type { Outcome } from "../../../src/actors/review/messages.ts";
import { noCounts } from "../../../src/core/send-counts.ts";
import { csvField } from "../../../src/gateways/http/routes/results.ts";
import { ROUTES } from "../../../src/gateways/http/routes.ts";
import { campaign as newCampaign } from "../../conformance/open-stores.ts";
import { type HttpNode, startHttpNode } from "./node.ts";

const MEMBERS = 5_000;
const PATH = "/v1/campaigns/cmp_1";

let node: HttpNode;

beforeAll(async () => {
  node = await startHttpNode();
  const { audiences, campaigns } = node.stores;
  const recipients = Array.from({ length: MEMBERS }, (_, n) => ({ member: `m-${n}` }));
  const audience = newAudience("aud_1", "everybody", { by: "test", at: 1 });
  const { signal } = new AbortController();
  await storeList(audiences, { audience, recipients, at: 1, signal });
  const spec = { audience: "aud_1", provider: "null", payload: { text: "hi" } };
  await campaigns.create(newCampaign("cmp_1", spec), "cli");
  const start = { to: "started", epoch: 1, by: "cli", why: "x", at: 1 } as const;
  await campaigns.transition("cmp_1", { state: "ready", epoch: 0 }, start);
  const key = { campaign: "cmp_1", epoch: 1, partition: 0, k: 0 };
  const lease = { owner: "n", now: 1, leaseUntil: 2, version: 1, sendsFrom: "done" } as const;
  await campaigns.claim(key, lease);
  const unknown = { from: 0, to: 2, status: "unknown", rule: "crash", reason: '=1+1,"x"' } as const;
  await campaigns.advance({
    ...{ ...key, fence: 1, done: 1_000, intent: 1_000, leaseUntil: 0 },
    ...{ counts: { ...noCounts, delivered: 998, unknown: 2 }, exceptions: [unknown] },
  });
});
afterAll(() => node.stop());

/** Calls a route and holds its answer to the route's own schema. */
async function call(method: string, path: string, json?: unknown) {
  const reply = await node.call(method, path, json === undefined ? {} : { json });
  assert.equal(reply.status, 200, reply.text);
  const pattern = (it: string) => new RegExp(`^${it.replace(/\{\w+\}/g, "[^/]+")}$`);
  const bare = path.split("?")[0]!;
  const route = ROUTES.find((it) => it.method === method && pattern(it.path).test(bare));
  assert.equal(route?.kind, "json", path);
  if (route?.kind === "json") assert.deepEqual(route.answer.parse(reply.json), reply.json);
  return reply.json;
}

test("results are a table of every recipient, with a header and in page order", async () => {
  const { status, headers, text } = await node.call("GET", `${PATH}/results`);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/csv; charset=utf-8");
  assert.equal(headers.get("content-disposition"), 'attachment; filename="cmp_1.csv"');
  const lines = text.trimEnd().split("\r\n");
  assert.equal(lines.length, MEMBERS + 1);
  assert.match(lines[0]!, /^member,state,rule,reason,arm,version,/);
  assert.match(lines[1]!, /^m-0,unknown,crash,"'=1\+1,""x""",default,1,0\/0,0,,$/);
  assert.match(lines[3]!, /^m-10,delivered,|^m-1000,delivered,/);
});

test("results as JSON are one object a line", async () => {
  const { headers, text } = await node.call("GET", `${PATH}/results?format=ndjson`);
  assert.equal(headers.get("content-type"), "application/x-ndjson");
  const outcomes = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Outcome);
  assert.equal(new Set(outcomes.map(({ member }) => member)).size, MEMBERS);
  const states = outcomes.map(({ state }) => state);
  assert.equal(states.filter((it) => it === "unknown").length, 2);
  assert.equal(states.filter((it) => it === "untouched").length, MEMBERS - 1_000);
});

test("results of an unknown campaign or format are an error, not a file", async () => {
  const unknown = await node.call("GET", "/v1/campaigns/cmp_0/results");
  assert.deepEqual([unknown.status, unknown.json.error.code], [404, "campaign.unknown"]);
  const format = await node.call("GET", `${PATH}/results?format=xls`);
  assert.deepEqual([format.status, format.json.error.code], [400, "http.invalid"]);
  const head = await node.call("HEAD", `${PATH}/results`);
  assert.deepEqual([head.status, head.text], [200, ""]);
});

test("a reader who goes away in the midst leaves nothing behind", async () => {
  const gone = new AbortController();
  const response = await fetch(`${node.url}${PATH}/results`, {
    headers: { authorization: `Bearer ${node.tokens.viewer}` },
    signal: gone.signal,
  });
  await response.body!.getReader().read();
  gone.abort();
  while (node.gateway.load.streams > 0) await node.call("GET", "/healthz");
});

test("why, unknown and their settlement fit their schemas", async () => {
  const why = await call("GET", `${PATH}/recipients/m-0`);
  assert.deepEqual([why.inAudience, why.outcome.state], [true, "unknown"]);
  const nobody = await call("GET", `${PATH}/recipients/${encodeURIComponent("a/b ü")}`);
  assert.equal(nobody.inAudience, false);
  const page = await call("GET", `${PATH}/unknown?limit=1`);
  assert.equal(page.items.length, 1);
  const rest = await call("GET", `${PATH}/unknown?after=${encodeURIComponent(page.next)}`);
  assert.deepEqual([rest.items.length, rest.next], [1, undefined]);
  const body = { as: "delivered", members: ["m-0", "m-7"], why: "the carrier's list" };
  const settled = await call("POST", `${PATH}/unknown/resolve`, body);
  assert.deepEqual([settled.delivered, settled.notUnknown], [1, 1]);
  const { items } = await call("GET", "/v1/audit?limit=1");
  const recorded = ["campaign.resolve-unknown", "cmp_1: the carrier's list"];
  assert.deepEqual([items[0].action, items[0].target], recorded);
});

test("a settlement needs an operator, a reason and a known word", async () => {
  const path = `${PATH}/unknown/resolve`;
  const json = { as: "forget", members: [] };
  const wrong = await node.call("POST", path, { json });
  const paths = wrong.json.error.problems.map((it: { path: string }) => it.path);
  assert.deepEqual(paths.sort(), ["as", "members", "why"]);
  const token = node.tokens.viewer;
  const refused = await node.call("POST", path, { token, json: { as: "give-up", why: "x" } });
  assert.equal(refused.json.error.code, "auth.forbidden");
});

test("a dry run and a test send fit their schemas, and are on record", async () => {
  const run = await call("POST", `${PATH}/dry-run`);
  assert.equal(run.counts.sent, MEMBERS);
  assert.equal(run.certificate.campaign, "cmp_1");
  const sent = await call("POST", `${PATH}/test`, { members: ["m-1"] });
  assert.deepEqual(JSON.parse(sent.items[0].payload), { test: { campaign: "cmp_1" }, text: "hi" });
  const { items } = await call("GET", "/v1/audit?limit=2");
  const actions = items.map((it: { action: string }) => it.action);
  assert.deepEqual(actions, ["campaign.test", "campaign.dry-run"]);
});

test.each([
  ["plain", "plain"],
  [7, "7"],
  ['say "hi"', '"say ""hi"""'],
  ["two\nlines", '"two\nlines"'],
  ["=cmd()", "'=cmd()"],
  ["+49", "'+49"],
  ["-", "'-"],
  ["", ""],
])("the field %j is written as %s", (value, expected) => {
  assert.equal(csvField(value), expected);
});
