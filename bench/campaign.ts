/**
 * A push campaign from a CSV file to the null provider, with the journal on, on SQLite.
 *
 * Figures: `linesPerSecond`, lines of a 1 M-line file collected, from the first chunk to the
 * frozen audience; `messagesPerSecond`, recipients per second from the start command to the
 * state `finished`, and `messagesPerSecondSmall`, the same with 10 000 members; and
 * `storeOpsPerMessage`, calls to the store meanwhile. Peer: one claim and one state write per
 * member, as the replaced system did, by two workers on the same store; and `bullmq`, a job per
 * recipient on a Redis of its own, from the first job added until the last is done, of which
 * `bullmqWorked` is the part without adding. `growth`: cost per message with 1 M members over the
 * cost with 10 000.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { newAudience } from "../src/actors/collect/store.ts";
import type { Campaign, CampaignSpec } from "../src/actors/master/messages.ts";
import { noCounts } from "../src/core/send-counts.ts";
import type { Page } from "../src/persistence/ports/audience.ts";
import type { Stores } from "../src/persistence/ports/stores.ts";
import { nullProvider } from "../src/providers/null.ts";
import {
  type CampaignNode,
  openCampaignNode,
  readChunks,
} from "../test/fixtures/campaign-parts.ts";
import { type BenchReport, median, report, runDirectly } from "./report.ts";
import { perJob } from "./servers/bullmq.ts";

const MEMBERS = 1_000_000;
const MEMBERS_SMALL = 10_000;
const ROUNDS_SMALL = 15;
const MEMBERS_PEER = 5_000;
const JOBS_PEER = 20_000;

const SPEC: CampaignSpec = {
  name: "bench",
  audience: "",
  provider: "null",
  topic: "campaign",
  payload: { title: "Hello {{name|friend}}", body: "Something new in {{city|your town}}" },
  ack: false,
  ttlMs: 86_400_000,
  rate: 0,
  workers: 4,
  window: 200,
  inFlight: 2,
  guarantee: "at-most-once",
};

export async function run(): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), "herald-campaign-"));
  const node = await openCampaignNode({
    file: join(folder, "herald.db"),
    providers: [nullProvider()],
  });
  try {
    return await measure(node, folder);
  } finally {
    await node.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(node: CampaignNode, folder: string): Promise<BenchReport> {
  const small = await collect(node, join(folder, "small.csv"), MEMBERS_SMALL);
  const large = await collect(node, join(folder, "large.csv"), MEMBERS);
  const rounds: Run[] = [];
  for (let round = 0; round < ROUNDS_SMALL; round += 1) {
    rounds.push(await campaign(node, small.audience, MEMBERS_SMALL));
  }
  const million = await campaign(node, large.audience, MEMBERS);
  const seed = await perMember(node.stores);
  const jobs = await perJob(folder, JOBS_PEER);
  const bullmq = typeof jobs === "string" ? undefined : jobs;
  const smallPerSecond = median(rounds.map(({ perSecond }) => perSecond));

  return report("campaign", {
    figures: {
      messagesPerSecond: million.perSecond,
      messagesPerSecondSmall: smallPerSecond,
      storeOpsPerMessage: million.operations,
      linesPerSecond: large.perSecond,
    },
    peers: {
      seedMessagesPerSecond: seed.perSecond,
      seedStoreOpsPerMessage: seed.operations,
      bullmq: bullmq?.perSecond ?? null,
      bullmqWorked: bullmq?.workedPerSecond ?? null,
    },
    ...(typeof jobs === "string" ? { missing: { bullmq: jobs, bullmqWorked: jobs } } : {}),
    ratios: {
      growth: smallPerSecond / million.perSecond,
      overSeed: million.perSecond / seed.perSecond,
      ...(bullmq === undefined ? {} : { overBullmq: million.perSecond / bullmq.perSecond }),
    },
    goals: {
      "figures.messagesPerSecond": ">= 100000",
      "figures.storeOpsPerMessage": "<= 0.012",
      "figures.linesPerSecond": ">= 200000",
      "ratios.growth": "<= 1.3",
    },
  });
}

interface Run {
  readonly perSecond: number;
  /** Store calls per message. */
  readonly operations: number;
}

async function collect(
  node: CampaignNode,
  path: string,
  lines: number,
): Promise<{ readonly audience: string; readonly perSecond: number }> {
  await writeFile(path, lines);
  const { size: bytes } = await stat(path);
  const startedAt = performance.now();
  const { id: audience, size } = await node.importChunks(readChunks(path), bytes);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (size !== lines) throw new Error(`collected ${size} of ${lines} lines`);
  return { audience, perSecond: lines / seconds };
}

async function writeFile(path: string, lines: number): Promise<void> {
  const stream = createWriteStream(path);
  stream.write("member,name,city\n");
  const step = 10_000;
  for (let start = 0; start < lines; start += step) {
    const text = Array.from({ length: Math.min(step, lines - start) }, (_, index) => {
      const n = start + index;
      return `user-${n},Name ${n % 1_000},Town ${n % 100}\n`;
    });
    if (!stream.write(text.join(""))) await once(stream, "drain");
  }
  stream.end();
  await finished(stream);
}

async function campaign(node: CampaignNode, audience: string, members: number): Promise<Run> {
  const { id } = await node.create({ ...SPEC, audience });
  const before = calls(node.stores);
  const startedAt = performance.now();
  await node.start(id);
  const { ledger, ledgerGap, state } = await node.ended(id);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (state !== "finished" || ledgerGap !== 0 || ledger.delivered !== members) {
    throw new Error(`${state} with ${JSON.stringify(ledger)}`);
  }
  return { perSecond: members / seconds, operations: (calls(node.stores) - before) / members };
}

function calls(stores: Stores): number {
  return Object.values(stores.operations()).reduce((sum, count) => sum + count, 0);
}

/** The replaced system: claim up to 50 members one by one, push, write each one's state. */
async function perMember(stores: Stores): Promise<Run> {
  const audience = newAudience("aud_peer", "peer", { by: "bench", at: 0 });
  await stores.audiences.create(audience);
  const pages: Page[] = Array.from({ length: MEMBERS_PEER }, (_, k) => {
    return { partition: 0, k, recipients: [{ member: `user-${k}` }] };
  });
  await stores.audiences.seal(audience.id, 0, pages);
  await stores.audiences.update({ ...audience, state: "ready", size: MEMBERS_PEER });
  const made: Campaign = {
    ...{ ...SPEC, audience: audience.id, id: "cmp_peer", state: "started", why: "" },
    ...{ epoch: 1, version: 1, run: { resumedAt: 0, canary: "none" }, createdAt: 0, changedAt: 0 },
  };
  await stores.campaigns.create(made, "bench");

  const before = calls(stores);
  const startedAt = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    const provider = nullProvider();
    const options = { ledger: "peer", deadline: 0, fence: 1, signal: new AbortController().signal };
    while (next < MEMBERS_PEER) {
      const claimed: number[] = [];
      while (claimed.length < 50 && next < MEMBERS_PEER) {
        const k = next;
        next += 1;
        const key = { campaign: made.id, epoch: 1, partition: 0, k };
        const lease = { owner: "w", now: 0, leaseUntil: 60_000, version: 1 };
        await stores.campaigns.claim(key, { ...lease, sendsFrom: "done" });
        claimed.push(k);
      }
      await provider.sendBatch([], options);
      for (const k of claimed) {
        const counts = { ...noCounts, delivered: 1 };
        const step = { partition: 0, k, fence: 1, done: 1, intent: 1, counts, leaseUntil: 0 };
        await stores.campaigns.advance({ campaign: made.id, epoch: 1, ...step });
      }
    }
  };
  await Promise.all([worker(), worker()]);
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    perSecond: MEMBERS_PEER / seconds,
    operations: (calls(stores) - before) / MEMBERS_PEER,
  };
}

await runDirectly(import.meta, run);
