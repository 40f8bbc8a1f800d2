import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { parseConfig } from "../../../src/core/config.ts";
import { ROUTES } from "../../../src/gateways/http/routes.ts";
import { type RunningNode, startNode } from "../../../src/main.ts";

const MEMBERS = 5_000;

let node: RunningNode;
let token: string;
const folder = mkdtempSync(join(tmpdir(), "herald-http-"));

function start(): Promise<RunningNode> {
  const config = { listen: { port: 0 }, node: { dataDir: folder }, log: { level: "silent" } };
  return startNode(parseConfig(config, {}));
}

beforeAll(async () => {
  node = await start();
  token = node.firstAdminToken!;
});
afterAll(async () => {
  await node.stop();
  rmSync(folder, { recursive: true });
});

/** Calls the node of main.ts, and holds the answer to the schema of its route. */
async function call(method: string, path: string, body?: unknown, type = "application/json") {
  const response = await fetch(node.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": type },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields it is about.
  const json = (await response.json()) as any;
  assert.ok(response.ok, JSON.stringify(json));
  const pattern = (route: string) => new RegExp(`^${route.replace(/\{\w+\}/g, "[^/]+")}$`);
  const route = ROUTES.find(
    (it) => it.method === method && pattern(it.path).test(path.split("?")[0]!),
  );
  assert.equal(route?.kind, "json", path);
  if (route?.kind === "json") assert.deepEqual(route.answer.parse(json), json);
  return json;
}

test("a campaign goes from a CSV file to its end, and every answer fits its schema", async () => {
  const lines = Array.from({ length: MEMBERS }, (_, n) => `m-${n},Name ${n}`);
  const csv = `member,name\n${lines.join("\n")}\n,nobody\n`;
  const audience = await call("POST", "/v1/audiences?name=real", csv, "text/csv");
  assert.deepEqual([audience.size, audience.invalid], [MEMBERS, 1]);
  await call("GET", `/v1/audiences/${audience.id}`);
  const errors = await call("GET", `/v1/audiences/${audience.id}/errors`);
  assert.equal(errors.items[0].line, MEMBERS + 2);

  const made = await call("POST", "/v1/campaigns", {
    name: "real",
    audience: audience.id,
    payload: { text: "Hello {{name}}" },
  });
  const path = `/v1/campaigns/${made.id}`;
  await call("POST", `${path}/start`, { why: "the test" });
  const headers = { authorization: `Bearer ${token}` };
  const stream = await (await fetch(`${node.url}${path}/events`, { headers })).text();
  assert.match(stream, /event: end\nid: \d+\ndata: .*"state":"finished"/);
  const shown = await call("GET", path);
  const { ledger, ledgerGap, sent } = shown.progress;
  assert.deepEqual([sent, ledgerGap, ledger.accepted], [MEMBERS, 0, MEMBERS]);
  await call("GET", `${path}/log`);
  await call("GET", "/v1/campaigns?state=finished");
  assert.equal((await call("GET", "/v1/ledger")).accepted, MEMBERS);
});

test("a list of members, a push, tokens and the record pass through the real actors", async () => {
  const members = ["a", { member: "b", vars: { name: "B" } }, "a"];
  const audience = await call("POST", "/v1/audiences", { name: "list", members });
  assert.deepEqual([audience.size, audience.duplicates], [2, 1]);
  const push = await call("POST", "/v1/push", { to: ["user:u-1"], topic: "t", payload: 1 });
  assert.equal(push.items[0].offset, 1);
  const made = await call("POST", "/v1/tokens", { kind: "api", name: "n", role: "viewer" });
  await call("DELETE", `/v1/tokens/${made.id}`);
  await call("GET", "/v1/tokens");
  const audit = await call("GET", "/v1/audit?limit=2");
  assert.deepEqual(
    audit.items.map((line: { action: string }) => line.action),
    ["token.revoke", "token.create"],
  );
  await call("GET", "/v1/actors?under=/users");
  await call("GET", "/readyz");
});

test("a wrong page cursor is said to be wrong, wherever it comes from", async () => {
  for (const path of ["/v1/audiences", "/v1/campaigns", "/v1/audit", "/v1/tokens"]) {
    const response = await fetch(`${node.url}${path}?after=nonsense`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { error } = (await response.json()) as { error: { code: string } };
    assert.deepEqual([response.status, error.code], [400, "store.cursor"], path);
  }
});

test("tokens and the answers of keys are there again after a restart", async () => {
  const push = (url: string) =>
    fetch(`${url}/v1/push`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": "over-the-restart",
      },
      body: JSON.stringify({ to: ["user:u-9"], topic: "t", payload: 1 }),
    });
  const first = await push(node.url);
  await node.stop();
  node = await start();
  assert.equal(node.firstAdminToken, undefined);
  const again = await push(node.url);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.equal(await again.text(), await first.text());
});
