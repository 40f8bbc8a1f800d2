/**
 * What an audience's size costs a node: members from NDJSON, an audience of them by condition,
 * and a campaign to the `null` provider, at 100 000, a million, and as many as `--members` says.
 *
 * A small audience is imported, collected and sent to as often as it takes to make a million, so
 * that the garbage of a short run and of a long one is not what is compared.
 *
 * For each size its own node, in a process of its own. Figures, each with the size in its name:
 * `peakBytes`, the highest resident memory of that process over everything; and of a campaign
 * to that audience, slowed down so that it goes on meanwhile: `startMs`, from the command to the
 * first message sent; `viewMs`, the median time to read its progress; `recoverMs`, from the
 * start of a node on the data of one that was killed to the next message. Ratios: the largest
 * size over the smallest. Peers: none, this compares Herald with itself.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "./load/child.ts";
import type { GrowAnswer, GrowQuestion } from "./load/upload.ts";
import { type BenchOptions, type BenchReport, median, report, runDirectly } from "./report.ts";
import type { Started } from "./servers/node.ts";

const SIZES = [100_000, 1_000_000];
/** Members that go through each step at every size, at least. */
const AT_LEAST = 1_000_000;
const VIEWS = 31;
const STEP_MS = 2;
const RUN_MS = 120_000;
/** Messages per second of the campaign that is looked at. */
const SLOW = 500;

export async function run({ members }: BenchOptions = {}): Promise<BenchReport> {
  const sizes = members === undefined ? SIZES : [...SIZES.filter((it) => it < members), members];
  const found: Record<string, number>[] = [];
  for (const size of sizes) found.push(await inFolder((folder) => measure(folder, size)));
  const figures = Object.assign(
    {},
    ...found.map((of, index) =>
      Object.fromEntries(Object.entries(of).map(([name, value]) => [name + sizes[index], value])),
    ),
  ) as Record<string, number>;
  const ratio = (name: string) => (found.at(-1)![name] ?? Number.NaN) / (found[0]![name] ?? 0);
  return report("growth", {
    figures,
    peers: {},
    ratios: {
      peakBytes: ratio("peakBytes"),
      startMs: ratio("startMs"),
      viewMs: ratio("viewMs"),
      recoverMs: ratio("recoverMs"),
    },
    goals: {
      "ratios.peakBytes": "<= 1.5",
      "ratios.startMs": "<= 1.5",
      "ratios.viewMs": "<= 2",
      "ratios.recoverMs": "<= 2",
    },
  });
}

async function inFolder<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), "herald-growth-"));
  return work(folder).finally(() => rm(folder, { recursive: true, force: true }));
}

async function measure(folder: string, members: number): Promise<Record<string, number>> {
  const uploader = await startChild(new URL("./load/upload.ts", import.meta.url));
  let node = await startChild(new URL("./servers/node.ts", import.meta.url));
  try {
    const { url, token } = await start(node, folder);
    const peaks: Record<string, number> = {};
    const peakOf = async (name: string) => {
      peaks[name] = await node.ask<number>({ type: "peak" });
    };
    const question: GrowQuestion = { type: "grow", url: `${url}/v1/members`, token, members };
    const rounds = Math.ceil(AT_LEAST / members);
    for (let round = 0; round < rounds; round += 1) {
      const answer = await uploader.ask<GrowAnswer>(question);
      if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`);
    }
    await peakOf("import");
    const api = client(url, token);
    const body = { name: "all", condition: { attr: "age", gte: 18 } };
    let audience = "";
    for (let round = 0; round < rounds; round += 1) {
      const { id, size } = await api.post("/v1/audiences", body);
      if (size !== members) throw new Error(`collected ${size}`);
      audience = String(id);
    }
    await peakOf("collect");
    for (let round = 0; round < rounds; round += 1) await sendAll(api, audience, members);
    await peakOf("campaign");

    const slow = await campaign(api, audience, SLOW);
    const startMs = await timed(async () => {
      await api.post(`/v1/campaigns/${slow}/start`, {});
      await until(async () => (await delivered(api, slow)) > 0);
    });
    const views: number[] = [];
    for (let view = 0; view < VIEWS; view += 1) {
      views.push(await timed(() => delivered(api, slow)));
    }
    const before = await delivered(api, slow);
    await node.stop();
    node = await startChild(new URL("./servers/node.ts", import.meta.url));
    const recoverMs = await timed(async () => {
      const again = client((await start(node, folder)).url, token);
      await until(async () => (await delivered(again, slow)) > before);
    });
    const peakBytes = Math.max(...Object.values(peaks));
    const { import: importPeak, collect, campaign: sent } = peaks;
    const peakOfs = {
      importPeakBytes: importPeak!,
      collectPeakBytes: collect!,
      sendPeakBytes: sent!,
    };
    return { peakBytes, ...peakOfs, startMs, viewMs: median(views), recoverMs };
  } finally {
    await Promise.all([node.stop(), uploader.stop()]);
  }
}

function start(node: Child, folder: string): Promise<Started> {
  return node.ask<Started>({ type: "start", dataDir: join(folder, "data") });
}

type Answer = Record<string, unknown>;
type Client = ReturnType<typeof client>;

function client(url: string, token: string) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(url + path, { ...init, headers });
    const answer = (await response.json()) as Answer;
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer;
  };
  return {
    get: (path: string) => ask(path, {}),
    post: (path: string, body: object) => ask(path, { method: "POST", body: JSON.stringify(body) }),
  };
}

async function campaign(api: Client, audience: string, rate: number): Promise<string> {
  const payload = { title: "Hello {{name|friend}}", body: "Something new in {{city|your town}}" };
  const made = await api.post("/v1/campaigns", {
    ...{ name: "bench", audience, provider: "null", topic: "campaign", payload },
    ...{ guarantee: "at-most-once", rate },
  });
  return String(made["id"]);
}

async function delivered(api: Client, id: string): Promise<number> {
  const { progress } = (await api.get(`/v1/campaigns/${id}`)) as {
    progress: { ledger: { delivered: number } };
  };
  return progress.ledger.delivered;
}

async function sendAll(api: Client, audience: string, members: number): Promise<void> {
  const id = await campaign(api, audience, 0);
  await api.post(`/v1/campaigns/${id}/start`, {});
  await until(async () => (await delivered(api, id)) === members, 50);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function until(isSo: () => Promise<boolean>, everyMs = STEP_MS): Promise<void> {
  const endsAt = performance.now() + RUN_MS;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`not within ${RUN_MS / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

await runDirectly(import.meta, run);
