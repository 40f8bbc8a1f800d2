import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { hashApiToken, newApiToken } from "../../../src/core/api-token.ts";
import { ROUTES } from "../../../src/gateways/http/routes.ts";
import { type HttpNode, startHttpNode } from "./node.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

const guarded = ROUTES.filter(({ role, isPublicIf }) => role !== "none" && !isPublicIf);
const BELOW = { admin: "operator", operator: "viewer" } as const;

describe("a route that needs a token", () => {
  for (const { method, path, role } of guarded) {
    const at = path.replace("{id}", "x");

    test(`${method} ${path} is refused without one`, async () => {
      const reply = await node.call(method, at, { token: null });
      assert.deepEqual([reply.status, reply.json.error.code], [401, "auth.missing"]);
      assert.equal(reply.headers.get("www-authenticate"), 'Bearer realm="herald"');
    });

    if (role === "viewer" || role === "none") continue;
    test(`${method} ${path} is refused with a lesser role, and says which it needs`, async () => {
      const reply = await node.call(method, at, { token: node.tokens[BELOW[role]] });
      assert.deepEqual([reply.status, reply.json.error.code], [403, "auth.forbidden"]);
      assert.match(reply.json.error.message, new RegExp(`role ${role}`));
    });
  }
});

test("a token that is none, unknown, expired or revoked is refused", async () => {
  const expect = async (authorization: string, code: string) => {
    const reply = await node.call("GET", "/v1/campaigns", {
      token: null,
      headers: { authorization },
    });
    assert.deepEqual([reply.status, reply.json.error.code], [401, code], authorization);
  };
  await expect("Basic dTpw", "auth.invalid");
  await expect("Bearer", "auth.invalid");
  await expect("Bearer hat_short", "auth.invalid");
  await expect(`Bearer ${newApiToken()}`, "auth.invalid");
  const old = newApiToken();
  await node.stores.credentials.addToken({
    id: "tok_old",
    name: "old",
    role: "admin",
    hash: hashApiToken(old),
    createdAt: 1,
    expiresAt: 2,
    revokedAt: 0,
  });
  await expect(`Bearer ${old}`, "auth.expired");
  const made = await node.call("POST", "/v1/tokens", {
    json: { kind: "api", name: "n", role: "viewer" },
  });
  const authorization = `bearer ${made.json.token}`;
  const before = await node.call("GET", "/v1/campaigns", { headers: { authorization } });
  assert.equal(before.status, 200);
  const revoked = await node.call("DELETE", `/v1/tokens/${made.json.id}`);
  assert.deepEqual([revoked.status, revoked.json.id], [200, made.json.id]);
  assert.ok(revoked.json.revokedAt > 0);
  await expect(authorization, "auth.invalid");
});

test("revoking a token that is not there is answered 404", async () => {
  const reply = await node.call("DELETE", "/v1/tokens/tok_9");
  assert.deepEqual([reply.status, reply.json.error.code], [404, "token.unknown"]);
});

test("steady requests cost the store nothing for their token", async () => {
  await node.call("GET", "/v1/campaigns");
  const before = node.stores.operations()["credentials.findToken"];
  for (let n = 0; n < 20; n += 1) await node.call("GET", "/v1/campaigns");
  assert.equal(node.stores.operations()["credentials.findToken"], before);
});

test("an operator mints device tokens, and only an admin makes API tokens", async () => {
  const token = node.tokens.operator;
  const device = { kind: "device", user: "u-1", device: "d-1", ttlMs: 60_000 };
  const minted = await node.call("POST", "/v1/tokens", { token, json: device });
  assert.match(minted.json.token, /^ey/);
  const api = { kind: "api", name: "n", role: "viewer" };
  const refused = await node.call("POST", "/v1/tokens", { token, json: api });
  assert.deepEqual([refused.status, refused.json.error.code], [403, "auth.forbidden"]);
  assert.match(refused.json.error.message, /role admin/);
});

test("the store never has a token as it is", async () => {
  const made = await node.call("POST", "/v1/tokens", {
    json: { kind: "api", name: "n", role: "viewer" },
    headers: { "idempotency-key": "secret-token" },
  });
  const kept = JSON.stringify([
    await node.stores.credentials.tokens(),
    await node.stores.audit.list({ limit: 1000 }),
  ]);
  assert.ok(!kept.includes(made.json.token));
});

test("figures need a token when they are not public", async () => {
  const closed = await startHttpNode({ limits: { metricsPublic: false } });
  const without = await closed.call("GET", "/metrics", { token: null });
  assert.deepEqual([without.status, without.json.error.code], [401, "auth.missing"]);
  const token = closed.tokens.viewer;
  assert.equal((await closed.call("GET", "/metrics", { token })).status, 200);
  await closed.stop();
});

test("every change is recorded with who, what, which and what came of it", async () => {
  const audit = await startHttpNode();
  const id = (n: number) => ({ "x-request-id": `r-${n}` });
  const json = { name: "n", audience: "a", payload: 1 };
  await audit.call("POST", "/v1/campaigns", { json, headers: id(1) });
  await audit.call("POST", "/v1/campaigns/cam_1/resume", { headers: id(2) });
  const { viewer } = audit.tokens;
  await audit.call("POST", "/v1/campaigns/cam_1/stop", { token: viewer, headers: id(3) });
  await audit.call("POST", "/v1/campaigns", { json: { name: "bad" }, headers: id(4) });
  await audit.call("POST", "/v1/campaigns/cam_1/stop", { token: null, headers: id(5) });
  await audit.call("GET", "/v1/campaigns", { headers: id(6) });
  const pace = { workers: 4, why: "it was slow" };
  await audit.call("POST", "/v1/campaigns/cam_1/pace", { json: pace, headers: id(7) });
  const [admin, , viewerId] = (await audit.stores.credentials.tokens()).map((it) => it.id);
  const { items } = (await audit.call("GET", "/v1/audit")).json;
  const lines = items.map((it: Record<string, string>) =>
    [it["requestId"], it["by"], it["action"], it["target"], it["outcome"]].join(" "),
  );
  assert.deepEqual(lines, [
    `r-7 ${admin} campaign.pace cam_1: it was slow ok`,
    "r-5 anonymous campaign.stop cam_1 auth.missing",
    `r-4 ${admin} campaign.create  http.invalid`,
    `r-3 ${viewerId} campaign.stop cam_1 auth.forbidden`,
    `r-2 ${admin} campaign.resume cam_1 campaign.refused`,
    `r-1 ${admin} campaign.create cam_1 ok`,
  ]);
  await audit.stop();
});

test("strangers cannot fill the record: only some of their refused changes are kept", async () => {
  const flooded = await startHttpNode();
  const calls = Array.from({ length: 200 }, () =>
    flooded.call("POST", "/v1/push", { token: null, json: {} }),
  );
  for (const reply of await Promise.all(calls)) assert.equal(reply.status, 401);
  const { items } = await flooded.stores.audit.list({ limit: 1000 });
  assert.equal(items.length, 60);
  await flooded.stop();
});
