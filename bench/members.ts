/**
 * Members: a million from NDJSON over HTTP into a node, and audiences of them by condition.
 *
 * The file comes from a process of its own; node, storage thread and sender share the machine.
 * Figures: `upsertsPerSecond`, lines from the first byte sent to the answer, into an empty store,
 * in the order of ids, as an export has them; `againPerSecond`, the same file once more, so that
 * every line is merged; `shuffledPerSecond`, new members whose ids come in no order;
 * `collectedPerSecond`, recipients of an audience by a condition that holds for all of the first
 * million, from the request to the frozen audience with its hash; `previewMs`, counting those of
 * a condition on an attribute without index; `indexedMs`, with one, made at a restart;
 * `latencyMs`, the longest that a small request took while the first file came in;
 * `upsertCpuMicros` and `collectCpuMicros`, what a member costs of all threads' time, which other
 * work on the machine hardly changes; `residentGrowthBytes`, how much more memory the whole
 * process had at the highest in the last three quarters of the file than in the first.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { parseConfig } from "../src/core/config.ts";
import { hash32 } from "../src/core/hash.ts";
import { startNode } from "../src/main.ts";
import { type Child, startChild } from "./load/child.ts";
import { memberId, memberLines } from "./load/lines.ts";
import type { UploadAnswer, UploadQuestion } from "./load/upload.ts";
import { type BenchOptions, type BenchReport, report, runDirectly } from "./report.ts";

const MEMBERS = 1_000_000;
const TOWNS = 100;
const NAMES = 1_000;
const SHUFFLED = 200_000;
const SAMPLE_MS = 50;

export async function run({ members = MEMBERS }: BenchOptions = {}): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), "herald-members-"));
  const uploader = await startChild(new URL("./load/upload.ts", import.meta.url));
  const config = parseConfig(
    {
      node: { dataDir: join(folder, "data") },
      listen: { port: 0 },
      log: { level: "error" },
    },
    {},
  );
  try {
    const node = await startNode(config);
    const token = node.firstAdminToken ?? "";
    const rig = { token, folder, uploader, members };
    const parts = await measure({ ...rig, url: node.url }).finally(() => node.stop());
    const indexed = await startNode({
      ...config,
      members: { ...config.members, indexed: ["city"] },
    });
    const indexedMs = await previewIndexed({ ...rig, url: indexed.url }).finally(() =>
      indexed.stop(),
    );
    return report("members", { ...parts, figures: { ...parts.figures, indexedMs } });
  } finally {
    await uploader.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function previewIndexed(rig: Rig): Promise<number> {
  const condition = { attr: "city", eq: "Town 17" };
  const { answer, ms } = await timed(() => post(rig, "/v1/conditions/preview", { condition }));
  expectCount(answer["count"], whoHave(17, TOWNS, rig.members) + whoHave(17, TOWNS, SHUFFLED));
  return ms;
}

interface Rig {
  readonly url: string;
  readonly token: string;
  readonly folder: string;
  readonly uploader: Child;
  readonly members: number;
}

/** How many of `count` members have value `nth` of `values` that take turns. */
function whoHave(nth: number, values: number, count: number): number {
  return Math.ceil(Math.max(0, count - nth) / values);
}

async function measure(rig: Rig) {
  const { members } = rig;
  const file = join(rig.folder, "members.ndjson");
  await writeLines(file, members, memberId);
  const watch = watchNode(rig);
  const upsertCpu = cpuMicros();
  const first = await upload(rig, file, members);
  const upsertCpuMicros = upsertCpu() / members;
  const { latencyMs, residentGrowthBytes } = await watch.stop(first.ms);
  const again = await upload(rig, file, members);

  const adults = { attr: "age", gte: 18 };
  const body = { name: "adults", condition: adults };
  const collectCpu = cpuMicros();
  const collected = await timed(() => post(rig, "/v1/audiences", body));
  const collectCpuMicros = collectCpu() / members;
  expectCount(collected.answer["size"], members);
  const preview = (condition: object) =>
    timed(() => post(rig, "/v1/conditions/preview", { condition }));
  const plain = await preview({ attr: "name", eq: "Name 17" });
  expectCount(plain.answer["count"], whoHave(17, NAMES, members));

  const shuffled = join(rig.folder, "shuffled.ndjson");
  await writeLines(shuffled, SHUFFLED, (n) => `u-${hash32(`${n}`).toString(36)}-${n}`);
  const random = await upload(rig, shuffled, SHUFFLED);

  const perSecond = (count: number, ms: number) => (count / ms) * 1_000;
  return {
    figures: {
      upsertsPerSecond: perSecond(members, first.ms),
      againPerSecond: perSecond(members, again.ms),
      shuffledPerSecond: perSecond(SHUFFLED, random.ms),
      collectedPerSecond: perSecond(members, collected.ms),
      upsertCpuMicros,
      collectCpuMicros,
      previewMs: plain.ms,
      latencyMs,
      residentGrowthBytes,
    },
    peers: {},
    ratios: {},
    goals: {
      "figures.upsertsPerSecond": ">= 100000",
      "figures.collectedPerSecond": ">= 200000",
    },
  };
}

async function writeLines(file: string, lines: number, id: (n: number) => string): Promise<void> {
  const stream = createWriteStream(file);
  const step = 10_000;
  for (let start = 0; start < lines; start += step) {
    const text = memberLines(start, Math.min(lines, start + step), id);
    if (!stream.write(text)) await once(stream, "drain");
  }
  stream.end();
  await finished(stream);
}

async function upload({ url, token, uploader }: Rig, file: string, lines: number) {
  const question: UploadQuestion = { type: "upload", url: `${url}/v1/members`, token, file };
  const answer = await uploader.ask<UploadAnswer>(question);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`);
  expectCount((JSON.parse(answer.body) as { stored: number }).stored, lines);
  return answer;
}

async function post({ url, token }: Rig, path: string, body: object) {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

/** What this process, which holds the node, uses of the processors from here on. */
function cpuMicros(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
}

async function timed(work: () => Promise<Record<string, unknown>>) {
  const startedAt = performance.now();
  const answer = await work();
  return { answer, ms: performance.now() - startedAt };
}

/** Asks the node for something small, again and again, and looks at its memory. */
function watchNode({ url, token }: Rig) {
  const startedAt = performance.now();
  const samples: { readonly at: number; readonly resident: number }[] = [];
  let latencyMs = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const askedAt = performance.now();
      const path = "/v1/members/m-0000000";
      await (await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })).text();
      latencyMs = Math.max(latencyMs, performance.now() - askedAt);
      samples.push({ at: askedAt - startedAt, resident: process.memoryUsage.rss() });
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  })();
  return {
    async stop(ms: number) {
      isOver = true;
      await watching;
      const highest = (from: number, to: number) =>
        Math.max(
          ...samples.filter(({ at }) => at >= from && at < to).map(({ resident }) => resident),
        );
      return { latencyMs, residentGrowthBytes: highest(ms / 4, ms) - highest(0, ms / 4) };
    },
  };
}

function expectCount(found: unknown, expected: number): void {
  if (found !== expected) throw new Error(`found ${found} instead of ${expected}`);
}

await runDirectly(import.meta, run);
