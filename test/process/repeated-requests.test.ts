import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test, vi } from "vitest";
import { type NodeProcess, startNode, temporaryFolder } from "./herald.ts";

/** What the tests read of answers. */
interface Made {
  readonly id: string;
  readonly token?: string | null;
  readonly campaign?: { readonly state: string; readonly epoch: number };
  readonly changed?: boolean;
  readonly items?: readonly Made[];
}

/** A request with a key of its own, which is said again after the kill. */
type Keyed = readonly [path: string, body: unknown, type?: string];

const keysOf = new Map<Keyed, string>();

async function say(node: NodeProcess, token: string, request: Keyed): Promise<Made> {
  const [path, body, type = "application/json"] = request;
  const key = keysOf.get(request) ?? `key-${keysOf.size}`;
  keysOf.set(request, key);
  const response = await fetch(new URL(path, node.url), {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": type, "idempotency-key": key },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.ok, text).toBe(true);
  expect(response.headers.get("idempotency-replayed")).toBeNull();
  return JSON.parse(text) as Made;
}

/** Kills a node, and takes back what it wrote after its changes: that they had been answered. */
async function killBeforeAnswers(node: NodeProcess): Promise<void> {
  await node.end("SIGKILL");
  const database = new DatabaseSync(join(node.places.data, "herald.db"));
  database.exec("UPDATE requests SET status = NULL, body = NULL");
  database.close();
}

test("what was made before a kill -9 is not made again when its request is repeated", async () => {
  const cwd = temporaryFolder();
  const first = await startNode([], { cwd });
  const token = first.places.adminToken!;
  const upload: Keyed = ["/v1/audiences?name=file", "member\na\nb\n", "text/csv"];
  const list: Keyed = ["/v1/audiences", { name: "list", members: ["a", "c"] }];
  const audience = (await say(first, token, upload)).id;
  const union = { name: "union", union: [audience, (await say(first, token, list)).id] };
  const collected: Keyed = ["/v1/audiences", union];
  const waiting: Keyed = ["/v1/audiences", { ...union, start: false }];
  const campaign: Keyed = ["/v1/campaigns", { name: "c", audience, payload: 1 }];
  const { id } = await say(first, token, campaign);
  const trial: Keyed = [`/v1/campaigns/${id}/test`, { members: ["a"] }];
  const start: Keyed = [`/v1/campaigns/${id}/start`, {}];
  const apiToken: Keyed = ["/v1/tokens", { kind: "api", name: "n", role: "viewer" }];
  const before: Made[] = [];
  for (const request of [collected, waiting, apiToken, trial, start]) {
    before.push(await say(first, token, request));
  }
  const finished = async () => {
    const shown = (await first.call("GET", `/v1/campaigns/${id}`, token)).body as Made;
    expect(shown.campaign?.state).toBe("finished");
  };
  await vi.waitFor(finished, { timeout: 20_000, interval: 50 });
  await killBeforeAnswers(first);

  const second = await startNode([], { cwd });
  const again: Made[] = [];
  for (const request of [upload, list, campaign, collected, waiting, apiToken, trial, start]) {
    again.push(await say(second, token, request));
  }
  const ids = [...union.union, id, ...before.slice(0, 3).map((it) => it.id)];
  expect(again.slice(0, 6).map((it) => it.id)).toEqual(ids);
  // Only its hash is kept, so it cannot be told any more.
  expect([before[2]!.token, again[5]!.token]).toEqual([expect.any(String), null]);
  expect(again[7]).toMatchObject({ changed: false, campaign: { state: "finished", epoch: 1 } });
  const count = async (path: string) =>
    ((await second.call("GET", path, token)).body as Made).items!.length;
  expect(await count("/v1/audiences")).toBe(4);
  expect(await count("/v1/campaigns")).toBe(1);
  expect(await count("/v1/tokens")).toBe(2);
  const ledger = await second.call("GET", "/v1/ledger?name=test", token);
  expect(ledger.body).toMatchObject({ accepted: 1 });
  await second.end("SIGTERM");
});
