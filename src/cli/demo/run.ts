import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Audience } from "../../actors/collect/messages.ts";
import type { Campaign, CampaignProgress } from "../../actors/master/messages.ts";
import { parseConfig } from "../../core/config.ts";
import { RuntimeError } from "../../core/errors.ts";
import { type Ledger, ledgerGap } from "../../core/ledger.ts";
import { startNode } from "../../main.ts";
import { ApiClient } from "../api.ts";
import { watchCampaign } from "../campaign-watch.ts";
import { DeviceFleet } from "./fleet.ts";

const AUDIENCE = fileURLToPath(new URL("../../../examples/audience.csv", import.meta.url));

/** Members of `examples/audience.csv`: the first 2 000 of its 10 000 have a device here. */
const DEVICES = 2000;
const LATE_DEVICES = 200;
const RATE = 1000;
const PAUSE_AT = 0.35;
const PAUSE_MS = 1500;
const SETTLE_TIMEOUT_MS = 20_000;

/** What the demo did and found. */
export interface DemoFigures {
  readonly members: number;
  readonly devices: number;
  readonly lateDevices: number;
  readonly rate: number;
  readonly pausedAt: number;
  /** Messages that still went after the pause was asked for, and the published bound. */
  readonly sentAfterPause: number;
  readonly pauseBound: number;
  readonly received: number;
  readonly repeated: number;
  readonly ledger: Ledger;
  readonly ledgerGap: number;
  readonly seconds: number;
  readonly ok: boolean;
}

/** Tells the person what happens, step by step; silent with `--json`. */
export type Say = (line: string) => void;

/** Runs the main job for real: a node, devices in a second process, one campaign. */
export async function runDemo(json: boolean, say: Say): Promise<DemoFigures> {
  const startedAt = performance.now();
  const dataDir = await mkdtemp(join(tmpdir(), "herald-demo-"));
  const secret = randomBytes(32).toString("hex");
  const node = await startNode(
    parseConfig(
      {
        node: { name: "demo", dataDir },
        listen: { port: 0 },
        log: { level: "warn" },
        auth: { secret },
        websocket: { connectionsPerAddress: 10_000, addressConnectsPerSecond: 0 },
      },
      {},
    ),
  );
  const fleet = new DeviceFleet({ url: node.url, secret });
  try {
    say(`A node runs at ${node.url}, its data in a temporary folder.`);
    const api = new ApiClient({ url: node.url, token: node.firstAdminToken });
    const users = Array.from({ length: DEVICES }, (_, n) => memberName(n + 1));
    const late = users.slice(-LATE_DEVICES);
    const early = users.slice(0, -LATE_DEVICES);
    await fleet.connect(early);
    say(`${early.length} devices are connected over WebSocket from a second process.`);
    const run = await campaign(api, json, say);
    say(`${late.length} members who were away come online and get theirs from the inbox.`);
    await fleet.connect(late);
    const { progress } = await settled(api, run.campaign.id, DEVICES);
    const { received, repeated } = await fleet.report();
    const { ledger } = progress;
    const figures = {
      members: progress.collected,
      devices: DEVICES,
      lateDevices: LATE_DEVICES,
      rate: RATE,
      pausedAt: run.pausedAt,
      sentAfterPause: run.sentAfterPause,
      pauseBound: progress.pauseBound,
      received,
      repeated,
      ledger,
      ledgerGap: ledgerGap(ledger),
      seconds: Math.round(performance.now() - startedAt) / 1000,
    };
    return { ...figures, ok: isOk(figures) };
  } finally {
    await fleet.stop();
    await node.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

type Run = {
  readonly campaign: Campaign;
  readonly pausedAt: number;
  readonly sentAfterPause: number;
};

/** Imports, creates, starts, pauses and resumes once, and follows it to its end. */
async function campaign(api: ApiClient, json: boolean, say: Say): Promise<Run> {
  const file = { file: AUDIENCE, mediaType: "text/csv", sent: () => {} };
  const audience = await api.upload<Audience>("/v1/audiences?name=everyone", file);
  say(`examples/audience.csv is imported: ${audience.size} members in ${audience.pages} pages.`);
  const made = await api.post<Campaign>("/v1/campaigns", {
    name: "demo",
    audience: audience.id,
    provider: "session",
    payload: { title: "Hello {{name|there}}", body: "This came through Herald." },
    rate: RATE,
    workers: 2,
  });
  const command = (name: string, why: string) =>
    api.post(`/v1/campaigns/${made.id}/${name}`, { why });
  await command("start", "the demo begins");
  let pausing: Promise<{ pausedAt: number; sentAfterPause: number }> | undefined;
  const last = await watchCampaign(api, made.id, json ? "silent" : "bar", (progress) => {
    if (pausing || progress.sent < PAUSE_AT * progress.collected) return;
    pausing = pauseAndResume(api, made.id, command);
  });
  const pause = await (pausing ?? Promise.resolve({ pausedAt: 0, sentAfterPause: 0 }));
  if (last?.state !== "finished") {
    throw new RuntimeError("campaign.refused", `the demo's campaign ended as ${last?.state}`);
  }
  say(`It was paused at ${pause.pausedAt} messages; ${pause.sentAfterPause} still went; resumed.`);
  return { campaign: made, ...pause };
}

async function pauseAndResume(
  api: ApiClient,
  id: string,
  command: (name: string, why: string) => Promise<unknown>,
): Promise<{ pausedAt: number; sentAfterPause: number }> {
  await command("pause", "the demo shows it");
  // Counted from the answer on: what goes while the request is on its way was not paused yet.
  const before = await progressOf(api, id);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  const after = await progressOf(api, id);
  await command("resume", "the demo goes on");
  return { pausedAt: before.sent, sentAfterPause: after.sent - before.sent };
}

/** Waits until that many are acked, or says what is missing. */
async function settled(
  api: ApiClient,
  id: string,
  acked: number,
): Promise<{ progress: CampaignProgress }> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const progress = await progressOf(api, id);
    if (progress.acked >= acked || performance.now() > deadline) return { progress };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function progressOf(api: ApiClient, id: string): Promise<CampaignProgress> {
  return (await api.get<{ progress: CampaignProgress }>(`/v1/campaigns/${id}`)).progress;
}

function isOk(figures: Omit<DemoFigures, "ok">): boolean {
  const { ledger, received, repeated, members } = figures;
  return (
    figures.ledgerGap === 0 &&
    ledger.accepted === members &&
    ledger.acked === DEVICES &&
    received === DEVICES &&
    repeated === 0
  );
}

function memberName(n: number): string {
  return `m-${String(n).padStart(5, "0")}`;
}
