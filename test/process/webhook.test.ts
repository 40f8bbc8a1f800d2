import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { SECRET, startSink, takeAll } from "../providers/webhook/sink.ts";
import { followCampaign } from "./campaign-end.ts";
import { freePort, type NodeProcess, ROOT, startNode } from "./herald.ts";

const RECEIVER = join(ROOT, "examples", "webhook-receiver.js");

function webhooks(url: string): Readonly<Record<string, string>> {
  const webhook = { name: "crm", url, secrets: [SECRET], maxBatch: 50, receipts: true };
  return { HERALD_PROVIDERS_WEBHOOK: JSON.stringify([webhook]) };
}

/** examples/webhook-receiver.js in a process; what it prints is kept. */
async function receiver(port: number, herald = "") {
  const child: ChildProcess = spawn(process.execPath, [RECEIVER, String(port)], {
    env: { PATH: process.env["PATH"], WEBHOOK_SECRETS: SECRET, HERALD_URL: herald },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout! }).on("line", (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const until = (isEnough: (all: readonly string[]) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!isEnough(lines)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  await until((all) => all.some((line) => line.startsWith("listening")));
  return { child, until, sent: () => lines.filter((line) => line.startsWith("m-")), lines };
}

/** Sends a campaign to so many members and returns how it ended. */
async function campaign(node: NodeProcess, members: number, more: object = {}) {
  const token = node.places.adminToken!;
  const make = async (path: string, body: object): Promise<{ id: string }> => {
    const answer = await node.call("POST", path, token, body);
    expect(answer.status, answer.text).toBe(201);
    return answer.body as { id: string };
  };
  const ids = Array.from({ length: members }, (_, n) => `m-${n}`);
  const { id: audience } = await make("/v1/audiences", { name: "all", members: ids });
  const spec = { name: "c", audience, provider: "crm", payload: { text: "Hi {{member|you}}" } };
  const { id } = await make("/v1/campaigns", { ...spec, window: 50, inFlight: 2, ...more });
  const ended = await followCampaign(node.url, token, id);
  const started = await node.call("POST", `/v1/campaigns/${id}/start`, token, {});
  expect(started.status, started.text).toBe(200);
  return ended();
}

async function figure(node: NodeProcess, name: string): Promise<number> {
  const { text } = await node.call("GET", "/metrics");
  const line = text.split("\n").find((it) => it.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

test("a campaign goes through the example's receiver, which reports receipts", async () => {
  const port = await freePort();
  const node = await startNode([], { env: webhooks(`http://127.0.0.1:${port}/`) });
  const { sent, until, lines } = await receiver(port, node.url);
  const { state, ledger, ledgerGap } = await campaign(node, 500);
  expect({ state, ledgerGap }).toEqual({ state: "finished", ledgerGap: 0 });
  expect(ledger).toMatchObject({ accepted: 500, delivered: 500, unknown: 0 });
  expect(new Set(sent()).size).toBe(500);
  const told = (all: readonly string[]): number =>
    all.reduce(
      (sum, line) => sum + Number(/^receipts 200 .*"applied":(\d+)/.exec(line)?.[1] ?? 0),
      0,
    );
  await until((all) => told(all) >= 500);
  expect(told(lines)).toBe(500);
  expect(await figure(node, 'herald_receipts_total{outcome="applied"}')).toBe(500);
  const ok = 'herald_provider_items_total{provider="crm",status="ok"}';
  expect(await figure(node, ok)).toBe(500);
  await node.end("SIGTERM");
});

test("a receiver that is killed in the middle leaves doubt, but no copy and no gap", async () => {
  const port = await freePort();
  const node = await startNode([], { env: webhooks(`http://127.0.0.1:${port}/`) });
  const first = await receiver(port);
  const ending = campaign(node, 2_000, { guarantee: "at-most-once", rate: 2_000 });
  await first.until((all) => all.length > 400);
  first.child.kill("SIGKILL");
  const second = await receiver(port);
  const { state, ledger, ledgerGap } = await ending;
  expect({ state, ledgerGap }).toEqual({ state: "finished", ledgerGap: 0 });
  const all = [...first.sent(), ...second.sent()];
  expect(new Set(all).size).toBe(all.length);
  expect(ledger["delivered"]! + ledger["unknown"]!).toBe(2_000);
  expect(all.length).toBeGreaterThanOrEqual(ledger["delivered"]!);
  await node.end("SIGTERM");
});

test("answers that are lost are counted as unknown, exactly those", async () => {
  let requests = 0;
  const lost = new Set<string>();
  const sink = await startSink((arrived, answer) => {
    requests += 1;
    if (requests % 20 !== 3) return takeAll(arrived, answer);
    for (const { id } of arrived.batch.items) lost.add(id);
    answer.reset();
  });
  const node = await startNode([], { env: webhooks(sink.url) });
  const { state, ledger, ledgerGap } = await campaign(node, 3_000, { guarantee: "at-most-once" });
  expect({ state, ledgerGap }).toEqual({ state: "finished", ledgerGap: 0 });
  expect(lost.size).toBeGreaterThan(0);
  expect(ledger).toMatchObject({ delivered: 3_000 - lost.size, unknown: lost.size });
  const ids = sink.requests.flatMap(({ batch }) => batch.items.map(({ id }) => id));
  expect(new Set(ids).size).toBe(3_000);
  expect(ids).toHaveLength(3_000);
  await node.end("SIGTERM");
});

test("a storm of 429 delays a campaign and loses nothing", async () => {
  let requests = 0;
  const sink = await startSink((arrived, answer) => {
    requests += 1;
    if (requests <= 6) answer.text(429, "", { "retry-after": "0" });
    else takeAll(arrived, answer);
  });
  const node = await startNode([], { env: webhooks(sink.url) });
  const { state, ledger } = await campaign(node, 300);
  expect(state).toBe("finished");
  expect(ledger).toMatchObject({ delivered: 300, unknown: 0, shed: 0 });
  await node.end("SIGTERM");
});

test("what providers are doing is one call", async () => {
  const sink = await startSink();
  const node = await startNode([], { env: webhooks(sink.url) });
  await campaign(node, 200);
  const { status, body } = await node.call("GET", "/v1/providers", node.places.adminToken);
  expect(status).toBe(200);
  const { items } = body as { items: { name: string; state?: unknown }[] };
  expect(items.map(({ name }) => name)).toEqual(["crm", "null", "session", "simulated"]);
  expect(items[0]!.state).toMatchObject({
    ...{ inFlight: 0, waiting: 0, items: { ok: 200, unknown: 0 } },
    gates: { breaker: { state: "closed" }, concurrency: { max: 16 }, rate: { heldMs: 0 } },
  });
  await node.end("SIGTERM");
});
