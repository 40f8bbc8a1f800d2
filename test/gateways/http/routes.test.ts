import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { JsonRoute } from "../../../src/gateways/http/route.ts";
import { reviewRoutes } from "../../../src/gateways/http/routes/review.ts";
import { ROUTES } from "../../../src/gateways/http/routes.ts";
import { errorBody } from "../../../src/gateways/http/schemas.ts";
import { type HttpNode, startHttpNode } from "./node.ts";
import { raw } from "./raw.ts";
import { type Example, RELATION_EXAMPLES } from "./relation-examples.ts";
import { UPLOAD_EXAMPLES } from "./upload-examples.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
  const json = { to: ["topic:room.lobby"], topic: "room.lobby", payload: 1 };
  assert.equal((await node.call("POST", "/v1/push", { json })).status, 200);
});
afterAll(() => node.stop());

const TOO_MANY = { path: "?limit=1001", status: 400, code: "http.invalid" };
const NO_AUDIENCE = { status: 404, code: "audience.unknown" };
const NO_MEMBER = { status: 404, code: "member.unknown" };
const NO_CAMPAIGN = { status: 404, code: "campaign.unknown" };
const NO_TOPIC = { status: 404, code: "topic.unknown" };
const NO_SESSION = { status: 404, code: "session.unknown" };
const INVALID = { status: 400, code: "http.invalid" };
const HELP = { topic: "help", payload: {} };
const campaign = { name: "spring", audience: "aud_1", payload: { text: "Hello {{name}}" } };
const csv = { headers: { "content-type": "text/csv" }, body: "member\na\n" };

const BROWSER = {
  endpoint: "https://push.example.com/e1",
  expirationTime: null,
  keys: {
    p256dh:
      "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    auth: "BTBZMqHH6r4Tts7J_aSIgg",
  },
};
const NO_PROVIDER = { status: 422, code: "provider.unknown" };

/** For each route a request that works and one that does not. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  ...Object.fromEntries(
    ["start", "pause", "resume", "proceed", "stop"].map((command) => [
      `POST /v1/audiences/{id}/${command}`,
      {
        path: `/v1/audiences/aud_1/${command}`,
        call: { json: { why: "because" } },
        fails: { ...NO_AUDIENCE, path: `/v1/audiences/aud_9/${command}`, call: { json: {} } },
      },
    ]),
  ),
  "GET /v1/audiences/{id}/log": {
    path: "/v1/audiences/aud_1/log",
    fails: { ...NO_AUDIENCE, path: "/v1/audiences/aud_9/log" },
  },
  "POST /v1/members": {
    call: { json: [{ id: "m-1", attributes: { city: "Wien", age: null } }] },
    fails: { call: { json: { id: "m-1", tags: ['"'] } }, status: 422, code: "member.invalid" },
  },
  "GET /v1/members/{id}": {
    path: "/v1/members/m-1",
    fails: { ...NO_MEMBER, path: "/v1/members/m-9" },
  },
  "PATCH /v1/members/{id}": {
    path: "/v1/members/m-1",
    call: { json: { timeZone: "Asia/Tokyo" } },
    fails: { ...NO_MEMBER, path: "/v1/members/m-9", call: { json: {} } },
  },
  "POST /v1/members/{id}/opt-out": {
    path: "/v1/members/m-1/opt-out",
    call: { json: {} },
    fails: { path: "/v1/members/%00/opt-out", status: 400, code: "http.invalid" },
  },
  "DELETE /v1/members/{id}": {
    path: "/v1/members/m-1",
    fails: { ...NO_MEMBER, path: "/v1/members/m-9" },
  },
  "POST /v1/members/{id}/web-push": {
    path: "/v1/members/m-1/web-push",
    call: { json: BROWSER },
    fails: {
      path: "/v1/members/m-1/web-push",
      call: { json: { ...BROWSER, endpoint: "https://elsewhere.example.com/e1" } },
      ...{ status: 422, code: "member.invalid" },
    },
  },
  "GET /v1/members/{id}/web-push": {
    path: "/v1/members/m-1/web-push",
    fails: { path: "/v1/members/m-1/web-push?x", status: 400, code: "http.invalid" },
  },
  "DELETE /v1/members/{id}/web-push": {
    path: "/v1/members/m-1/web-push?endpoint=https%3A%2F%2Fpush.example.com%2Fe1",
    fails: { path: "/v1/members/m-1/web-push?endpoint=", status: 400, code: "http.invalid" },
  },
  "POST /v1/suppressions": {
    call: { json: { entries: [{ kind: "member", value: "m-1", why: "a letter" }] } },
    fails: { call: { json: { entries: [] } }, status: 400, code: "http.invalid" },
  },
  "GET /v1/suppressions": {
    fails: { path: "/v1/suppressions?after=x", status: 400, code: "store.cursor" },
  },
  "DELETE /v1/suppressions/{kind}/{value}": {
    path: "/v1/suppressions/member/m-1",
    fails: { path: "/v1/suppressions/group/m-1", status: 400, code: "http.invalid" },
  },
  "POST /v1/conditions/preview": {
    call: { json: { condition: { not: { tag: "x" } } } },
    fails: { call: { json: { condition: {} } }, status: 400, code: "http.invalid" },
  },
  "POST /v1/audiences": {
    call: { json: { name: "list", members: ["a", { member: "b", vars: { name: "B" } }] } },
    fails: { path: "/v1/audiences", call: csv, status: 400, code: "http.invalid" },
  },
  "GET /v1/audiences": { fails: { ...TOO_MANY, path: "/v1/audiences?limit=1001" } },
  "GET /v1/audiences/{id}": {
    path: "/v1/audiences/aud_1",
    fails: { ...NO_AUDIENCE, path: "/v1/audiences/aud_9" },
  },
  "GET /v1/audiences/{id}/errors": {
    path: "/v1/audiences/aud_1/errors?limit=1&after=2",
    fails: { ...NO_AUDIENCE, path: "/v1/audiences/aud_9/errors" },
  },
  "POST /v1/campaigns": {
    call: { json: campaign },
    fails: { call: { json: { ...campaign, rate: -1 } }, status: 400, code: "http.invalid" },
  },
  "GET /v1/campaigns": {
    path: "/v1/campaigns?state=started",
    fails: { path: "/v1/campaigns?state=begun", status: 400, code: "http.invalid" },
  },
  "GET /v1/campaigns/{id}": {
    path: "/v1/campaigns/cam_1",
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9" },
  },
  "GET /v1/campaigns/{id}/log": {
    path: "/v1/campaigns/cam_1/log",
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9/log" },
  },
  "POST /v1/campaigns/{id}/start": {
    path: "/v1/campaigns/cam_1/start",
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9/start" },
  },
  "POST /v1/campaigns/{id}/pause": {
    path: "/v1/campaigns/cam_1/pause",
    call: { json: { why: "lunch" } },
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9/pause" },
  },
  "POST /v1/campaigns/{id}/proceed": {
    path: "/v1/campaigns/cam_1/proceed",
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9/proceed" },
  },
  "PATCH /v1/campaigns/{id}": {
    path: "/v1/campaigns/cam_1",
    call: { json: { payload: null, cap: null, why: "a typo" } },
    fails: {
      path: "/v1/campaigns/cam_1",
      call: { json: { name: null } },
      status: 400,
      code: "http.invalid",
    },
  },
  "POST /v1/campaigns/{id}/pace": {
    path: "/v1/campaigns/cam_1/pace",
    call: { json: { workers: 4 } },
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9/pace" },
  },
  "GET /v1/campaigns/{id}/versions": {
    path: "/v1/campaigns/cam_1/versions",
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9/versions" },
  },
  "POST /v1/campaigns/{id}/stop": {
    path: "/v1/campaigns/cam_1/stop",
    fails: { ...NO_CAMPAIGN, path: "/v1/campaigns/cam_9/stop" },
  },
  "POST /v1/push": {
    call: { json: { to: ["user:u-1", "topic:news"], topic: "news", payload: "hi", id: "n-1" } },
    fails: { call: { json: { to: [], topic: "news" } }, status: 400, code: "http.invalid" },
  },
  "GET /v1/push/{id}": {
    path: "/v1/push/n-1",
    fails: { path: "/v1/push/n-9", status: 404, code: "push.unknown" },
  },
  "POST /v1/node/drain": {
    call: { json: { url: "wss://two.example.com/v1/connect", withinMs: 1000 } },
    fails: {
      call: { json: { url: "https://two.example.com" } },
      status: 400,
      code: "http.invalid",
    },
  },
  "DELETE /v1/node/drain": {
    fails: { path: "/v1/node/drain?now=1", status: 400, code: "http.invalid" },
  },
  "GET /v1/bans": { fails: { path: "/v1/bans?since=1", status: 400, code: "http.invalid" } },
  "DELETE /v1/bans/{kind}/{name}": {
    path: "/v1/bans/principal/restless",
    fails: { path: "/v1/bans/principal/nobody", status: 404, code: "ban.unknown" },
  },
  "GET /v1/devices": {
    path: "/v1/devices?user=u-1",
    fails: { path: "/v1/devices?user=u-1&board=b-1", status: 400, code: "http.invalid" },
  },
  "GET /v1/devices/{id}": {
    path: "/v1/devices/user:u-1",
    fails: { path: "/v1/devices/s_none", ...NO_SESSION },
  },
  "GET /v1/devices/{id}/why": {
    path: "/v1/devices/user:u-1/why?push=n-1",
    fails: { path: "/v1/devices/session:s_none/why", ...NO_SESSION },
  },
  "POST /v1/devices/{id}/kick": {
    path: "/v1/devices/board:b-1/kick",
    call: { json: { why: "it was lost" } },
    fails: { path: "/v1/devices/user:u-1/kick", call: { json: {} }, ...INVALID },
  },
  "POST /v1/devices/{id}/send": {
    path: "/v1/devices/user:u-1/send",
    call: { json: { topic: "help", payload: {} } },
    fails: { path: "/v1/devices/s_none/send", call: { json: HELP }, ...NO_SESSION },
  },
  "POST /v1/devices/{id}/trace": {
    path: "/v1/devices/user:u-1/trace",
    call: { json: { minutes: 1 } },
    fails: { path: "/v1/devices/user:u-1/trace", call: { json: { minutes: 61 } }, ...INVALID },
  },
  "GET /v1/ledger": {
    path: "/v1/ledger?name=push",
    fails: { path: "/v1/ledger?nome=push", status: 400, code: "http.invalid" },
  },
  "GET /v1/providers": {
    fails: { path: "/v1/providers?limit=1", status: 400, code: "http.invalid" },
  },
  "GET /v1/providers/{name}": {
    path: "/v1/providers/crm",
    fails: { ...NO_PROVIDER, path: "/v1/providers/none" },
  },
  "GET /v1/providers/{name}/vapid": {
    path: "/v1/providers/crm/vapid",
    fails: { ...NO_PROVIDER, path: "/v1/providers/null/vapid" },
  },
  ...RELATION_EXAMPLES,
  ...UPLOAD_EXAMPLES,
  "GET /v1/topics": { fails: { path: "/v1/topics?limit=0", status: 400, code: "http.invalid" } },
  "GET /v1/topics/{topic}": {
    path: "/v1/topics/room.lobby",
    fails: { ...NO_TOPIC, path: "/v1/topics/room.none" },
  },
  "GET /v1/topics/{topic}/history": {
    path: "/v1/topics/room.lobby/history?after=0",
    fails: { ...NO_TOPIC, path: "/v1/topics/room.none/history" },
  },
  "POST /v1/tokens": {
    call: { json: { kind: "device", user: "u-1", ttlMs: 60_000 } },
    fails: { call: { json: { kind: "device" } }, status: 400, code: "http.invalid" },
  },
  "GET /v1/tokens": { fails: { path: "/v1/tokens?limit=x", status: 400, code: "http.invalid" } },
  "GET /v1/audit": { fails: { path: "/v1/audit?limit=0", status: 400, code: "http.invalid" } },
  "GET /v1/actors": {
    path: "/v1/actors?under=/&offset=1&limit=2",
    fails: { path: "/v1/actors?offset=-1", status: 400, code: "http.invalid" },
  },
  "GET /v1/status": { fails: { path: "/v1/status?x=1", status: 400, code: "http.invalid" } },
  "GET /v1/errors": { fails: { path: "/v1/errors?x", status: 400, code: "http.invalid" } },
  "GET /healthz": { fails: { path: "/healthz?x=1", status: 400, code: "http.invalid" } },
  "GET /readyz": { fails: { path: "/readyz?x=1", status: 400, code: "http.invalid" } },
};

/** It is signed: receipts.test.ts. */
const RECEIPTS = "POST /v1/providers/{name}/receipts";
/** They ask the stores: review.test.ts. */
const REVIEW = reviewRoutes.map(({ method, path }) => `${method} ${path}`);
const OWN_TESTS = [...REVIEW, "POST /v1/campaigns/{id}/resume", "DELETE /v1/tokens/{id}", RECEIPTS];

const jsonRoutes = ROUTES.filter((route): route is JsonRoute => route.kind === "json");

describe("a JSON route", () => {
  for (const route of jsonRoutes) {
    const name = `${route.method} ${route.path}`;
    if (OWN_TESTS.includes(name)) continue;

    test(`${name} answers as its schema says`, async () => {
      const { path = route.path, call } = EXAMPLES[name]!;
      const reply = await node.call(route.method, path, call);
      assert.equal(reply.status, route.status ?? 200, reply.text);
      assert.deepEqual(route.answer.parse(reply.json), reply.json);
    });

    test(`${name} says what is wrong`, async () => {
      const { path = route.path, call, status, code } = EXAMPLES[name]!.fails;
      const reply = await node.call(route.method, path, call);
      assert.equal(reply.status, status, reply.text);
      assert.equal(errorBody.parse(reply.json).error.code, code);
    });
  }
});

test("a command that the campaign's state does not allow is refused", async () => {
  const reply = await node.call("POST", "/v1/campaigns/cam_1/resume");
  assert.equal(reply.status, 409);
  assert.equal(reply.json.error.code, "campaign.refused");
});

test("an uploaded CSV file becomes an audience", async () => {
  const reply = await node.call("POST", "/v1/audiences?name=file", csv);
  assert.equal(reply.status, 201, reply.text);
  assert.deepEqual([reply.json.name, reply.json.lines], ["file", 2]);
});

test("a push reaches the inbox of each user once, whatever is repeated", async () => {
  const json = { to: ["user:p-1", "user:p-2"], topic: "t", payload: { n: 1 }, id: "same" };
  const first = await node.call("POST", "/v1/push", { json });
  const again = await node.call("POST", "/v1/push", { json });
  const fresh = (reply: typeof first) => reply.json.items.map((it: { fresh: boolean }) => it.fresh);
  assert.deepEqual(
    [fresh(first), fresh(again)],
    [
      [true, true],
      [false, false],
    ],
  );
  const inbox = await node.stores.inbox.read(["p-1"], Date.now());
  assert.deepEqual(
    inbox[0]?.items.map(({ id, payload, ack, ledger }) => ({ id, payload, ack, ledger })),
    [{ id: "push:same:0:p-1", payload: '{"n":1}', ack: true, ledger: "push" }],
  );
});

test("the landing page, the documents and the figures need no token", async () => {
  const types = {
    "/": "text/html; charset=utf-8",
    "/docs": "text/html; charset=utf-8",
    "/openapi.json": "application/json; charset=utf-8",
    "/status": "text/html; charset=utf-8",
    "/metrics": "text/plain; version=0.0.4; charset=utf-8",
  };
  for (const [path, type] of Object.entries(types)) {
    const reply = await node.call("GET", path, { token: null });
    assert.deepEqual([reply.status, reply.headers.get("content-type")], [200, type]);
  }
});

test("an unknown path is answered 404 and an unknown method 405 with what is allowed", async () => {
  const unknown = await node.call("GET", "/v1/nothing");
  assert.deepEqual([unknown.status, unknown.json.error.code], [404, "http.not-found"]);
  const method = await node.call("PUT", "/v1/campaigns/cam_1");
  assert.deepEqual([method.status, method.json.error.code], [405, "http.method-not-allowed"]);
  assert.equal(method.headers.get("allow"), "GET, HEAD, OPTIONS, PATCH");
  assert.equal(method.json.error.requestId, method.headers.get("x-request-id"));
});

test("OPTIONS lists the methods and HEAD answers like GET without the body", async () => {
  const options = await node.call("OPTIONS", "/v1/tokens", { token: null });
  assert.deepEqual([options.status, options.text], [204, ""]);
  assert.equal(options.headers.get("allow"), "GET, HEAD, OPTIONS, POST");
  const get = await node.call("GET", "/v1/campaigns");
  const head = await node.call("HEAD", "/v1/campaigns");
  assert.deepEqual([head.status, head.text], [200, ""]);
  assert.equal(head.headers.get("content-length"), String(Buffer.byteLength(get.text)));
  const events = await node.call("HEAD", "/v1/campaigns/cam_1/events");
  assert.equal(events.headers.get("content-type"), "text/event-stream; charset=utf-8");
});

test("a request's id is taken over when it is harmless, and made otherwise", async () => {
  const given = { headers: { "x-request-id": "trace-1/span:2" } };
  const taken = await node.call("GET", "/v1/campaigns", given);
  assert.equal(taken.headers.get("x-request-id"), "trace-1/span:2");
  const odd = await node.call("GET", "/v1/campaigns", { headers: { "x-request-id": "<b>" } });
  assert.match(odd.headers.get("x-request-id") ?? "", /^req_/);
});

test("every answer forbids browsers to guess, keep or frame it", async () => {
  for (const path of ["/v1/campaigns", "/docs", "/nothing"]) {
    const { headers } = await node.call("GET", path);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.match(headers.get("cache-control") ?? "", /no-store|no-cache/);
  }
});

test("a connection is kept for the next request", async () => {
  const get = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
  const three = (text: string) => text.split('"status":"ok"').length === 4;
  const reply = await raw(node.port, [get, get, get], three);
  assert.deepEqual(reply.statuses, [200, 200, 200]);
  assert.doesNotMatch(reply.text, /connection: close/i);
});

test("a bug of ours is answered without its details and logged with them", async () => {
  const broken = await startHttpNode();
  Object.defineProperty(broken.stores.inbox, "ledgerOfAll", {
    value: () => Promise.reject(new TypeError("cannot read the secret of undefined")),
  });
  const reply = await broken.call("GET", "/v1/ledger");
  assert.deepEqual([reply.status, reply.json.error.code], [500, "internal"]);
  assert.ok(!reply.text.includes("secret"));
  assert.match(JSON.stringify(broken.logged), /the secret of undefined/);
  await broken.stop();
});
