/**
 * Messages through the webhook provider to a server on loopback, in a process of its own.
 *
 * Figures: `messagesPerSecond`, items in batches of 100 that came back as `ok`, behind the usual
 * limits, signed, 16 requests at the same time at most; `millisecondsPerBatch`, the mean. Peers,
 * to the same server: `bare`, the same requests prepared beforehand, unsigned, and their answers
 * not looked into (the limit); `onePerMessage`, a `fetch` for each message, 16 at the same time
 * (the usual way).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/core/clock.ts";
import { noMetrics } from "../src/core/metrics.ts";
import { withUsualLimits } from "../src/providers/limits/usual.ts";
import type { Provider, ProviderItem } from "../src/providers/provider.ts";
import { webhookProvider } from "../src/providers/webhook/webhook.ts";
import { alternate, type BenchReport, report, runDirectly } from "./report.ts";

const ROUNDS = 3;
const BATCH = 100;
const IN_FLIGHT = 16;
const BATCHES = 2_000;
const MESSAGES_ONE_BY_ONE = 5_000;
const SINK = fileURLToPath(new URL("servers/webhook-sink.ts", import.meta.url));
const PAYLOAD = JSON.stringify({ title: "Hello Ada", body: "Something new in Springfield" });

export async function run(): Promise<BenchReport> {
  const sink = spawn(process.execPath, [SINK], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const [line] = (await once(sink.stdout, "data")) as [Buffer];
    return await measure(`http://127.0.0.1:${Number(line.toString())}/`);
  } finally {
    sink.kill();
  }
}

async function measure(url: string): Promise<BenchReport> {
  const webhook = webhookProvider({
    settings: {
      ...{ name: "bench", url, maxBatch: BATCH, maxInFlight: IN_FLIGHT, timeoutMs: 10_000 },
      ...{ ratePerSecond: 0, keyTtlMs: 0, receipts: false },
      secrets: [`whsec_${Buffer.alloc(32, 1).toString("base64")}`],
    },
    clock: systemClock,
  });
  const provider = withUsualLimits(webhook, {
    ...{ ratePerSecond: 0, clock: systemClock, metrics: noMetrics },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  try {
    const found = await alternate(ROUNDS, {
      ours: () => ours(provider),
      bare: () => bare(url, agent),
      one: () => onePerMessage(url),
    });
    return report("webhook", {
      figures: {
        messagesPerSecond: found.ours,
        millisecondsPerBatch: provider.state?.().latencyMs ?? Number.NaN,
      },
      peers: { bare: found.bare, onePerMessage: found.one },
      ratios: { ofBare: found.ours / found.bare, overOnePerMessage: found.ours / found.one },
      goals: {
        "figures.messagesPerSecond": ">= 20000",
        "ratios.overOnePerMessage": ">= 5",
      },
    });
  } finally {
    webhook.close();
    agent.destroy();
  }
}

/** Items as a campaign's worker makes them, in the time that is measured. */
function items(batch: number): ProviderItem[] {
  return Array.from({ length: BATCH }, (_, index) => ({
    id: `cmp_bench:1:0/${batch}:${index}`,
    member: `user-${batch * BATCH + index}`,
    topic: "campaign",
    payload: PAYLOAD,
    ack: false,
    expiresAt: 1_900_000_000_000,
  }));
}

async function ours(provider: Provider): Promise<number> {
  const { signal } = new AbortController();
  let ok = 0;
  const startedAt = performance.now();
  await inParallel(BATCHES, async (batch) => {
    const deadline = systemClock.monotonic() + 10_000;
    const options = { ledger: "campaign:bench:1", deadline, fence: 1, signal };
    const results = await provider.sendBatch(items(batch), options);
    for (const { status } of results) if (status === "ok") ok += 1;
  });
  return rate(ok, BATCHES * BATCH, startedAt);
}

async function bare(url: string, agent: Agent): Promise<number> {
  const bodies = Array.from({ length: 50 }, (_, n) =>
    Buffer.from(JSON.stringify({ items: items(n) })),
  );
  let answered = 0;
  const startedAt = performance.now();
  await inParallel(BATCHES, async (batch) => {
    const body = bodies[batch % bodies.length]!;
    const call = request(url, { method: "POST", agent });
    call.setHeader("content-length", body.byteLength);
    call.end(body);
    const [response] = (await once(call, "response")) as [NodeJS.ReadableStream];
    await once(response.resume(), "end");
    answered += BATCH;
  });
  return rate(answered, BATCHES * BATCH, startedAt);
}

async function onePerMessage(url: string): Promise<number> {
  let answered = 0;
  const startedAt = performance.now();
  await inParallel(MESSAGES_ONE_BY_ONE, async (n) => {
    const body = JSON.stringify({ items: [{ id: `m-${n}`, member: `u-${n}`, payload: PAYLOAD }] });
    const response = await fetch(url, { method: "POST", body });
    await response.json();
    answered += 1;
  });
  return rate(answered, MESSAGES_ONE_BY_ONE, startedAt);
}

/** Does `count` jobs, as many at the same time as there may be requests. */
async function inParallel(count: number, job: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await job(next - 1);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

function rate(done: number, expected: number, startedAt: number): number {
  const seconds = (performance.now() - startedAt) / 1_000;
  if (done !== expected) throw new Error(`${done} of ${expected} messages were answered`);
  return done / seconds;
}

await runDirectly(import.meta, run);
