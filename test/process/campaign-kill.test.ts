/**
 * kill -9 of a node at random moments of a campaign, each followed by a restart on the same data.
 *
 * The judge is this process: it logs what really arrives. Run one seed again with
 * `HERALD_SEED=<seed>` in the environment.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { CampaignProgress, Guarantee } from "../../src/actors/master/messages.ts";
import { seededRandom } from "../../src/core/random.ts";
import { repeated } from "../actors/master/rig.ts";
import { Judge } from "../fixtures/judge.ts";

const MEMBERS = 100_000;
/** Windows in flight of all workers, in recipients: what may be in doubt after one kill. */
const DOUBT_MAX = 2 * 2 * 200;
const NODE = fileURLToPath(new URL("../fixtures/campaign-node.ts", import.meta.url));
const SEED = Number(process.env["HERALD_SEED"] ?? Math.floor(Math.random() * 1e9));

interface Trial {
  readonly judge: Judge;
  readonly progress: CampaignProgress;
}

async function trial(guarantee: Guarantee, kills: number): Promise<Trial> {
  const random = seededRandom(SEED);
  const folder = await mkdtemp(join(tmpdir(), "herald-kill-"));
  const judge = new Judge();
  const port = String(await judge.listen());
  onTestFinished(async () => {
    judge.close();
    await rm(folder, { recursive: true, force: true });
  });
  const csv = join(folder, "audience.csv");
  const lines = Array.from({ length: MEMBERS }, (_, n) => `user-${n}`);
  await writeFile(csv, `member\n${lines.join("\n")}\n`);
  const args = [join(folder, "data", "herald.db"), port, csv, guarantee];

  for (let kill = 0; kill < kills; kill += 1) {
    judge.life += 1;
    const child = startNode(args);
    // Enough windows are left for the last life, so that each kill hits a running campaign.
    await killAfter(judge, child, 1 + Math.floor(random() * 15), random());
  }
  judge.life += 1;
  judge.onWindow = (acknowledge) => acknowledge();
  const last = startNode(args);
  const [line] = (await once(createInterface({ input: last.stdout! }), "line")) as [string];
  last.kill("SIGKILL");
  await once(last, "exit");
  return { judge, progress: JSON.parse(line) as CampaignProgress };
}

function startNode(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", NODE, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Kills when so many windows have arrived: before the last one is acknowledged, or soon after. */
async function killAfter(
  judge: Judge,
  child: ChildProcess,
  windows: number,
  moment: number,
): Promise<void> {
  let seen = 0;
  const exited = once(child, "exit");
  judge.onWindow = (acknowledge) => {
    seen += 1;
    if (seen < windows) return acknowledge();
    if (seen > windows) return;
    if (moment < 0.4) {
      child.kill("SIGKILL");
      return;
    }
    acknowledge();
    // The answer is on its way, or has been read, or has been journalled.
    setTimeout(() => child.kill("SIGKILL"), (moment - 0.4) * 10);
  };
  await exited;
}

test("at-most-once: 20 x kill -9, nobody gets a message twice or is missed silently", {
  timeout: 110_000,
}, async () => {
  const { judge, progress } = await trial("at-most-once", 20);
  const hint = `HERALD_SEED=${SEED}`;
  const { ledger } = progress;
  const reached = new Set(judge.members);
  expect(progress.state, hint).toBe("finished");
  expect(progress.ledgerGap, hint).toBe(0);
  expect(repeated(judge.members), hint).toEqual([]);
  expect(ledger, hint).toMatchObject({ accepted: MEMBERS, pending: 0, shed: 0, acked: 0 });
  expect(ledger.delivered + ledger.unknown, hint).toBe(MEMBERS);
  // Whoever the node calls delivered did get it, and whoever did not is flagged.
  expect(reached.size, hint).toBeGreaterThanOrEqual(ledger.delivered);
  expect(MEMBERS - reached.size, hint).toBeLessThanOrEqual(ledger.unknown);
  expect(ledger.unknown, hint).toBeGreaterThan(0);
  expect(ledger.unknown, hint).toBeLessThanOrEqual(20 * DOUBT_MAX);
});

test("at-least-once: 6 x kill -9, nobody is missed, and only what was in doubt goes twice", {
  timeout: 60_000,
}, async () => {
  const { judge, progress } = await trial("at-least-once", 6);
  const hint = `HERALD_SEED=${SEED}`;
  expect(progress.state, hint).toBe("finished");
  expect(progress.ledgerGap, hint).toBe(0);
  expect(new Set(judge.members).size, hint).toBe(MEMBERS);
  expect(progress.ledger, hint).toMatchObject({ delivered: MEMBERS, unknown: 0, pending: 0 });
  for (let life = 2; life <= 7; life += 1) {
    const earlier = judge.arrivals.filter((it) => it.life < life).flatMap((it) => it.members);
    const known = new Set(earlier);
    const here = judge.arrivals.filter((it) => it.life === life).flatMap((it) => it.members);
    const again = here.filter((member) => known.has(member));
    expect(again.length, `${hint}, life ${life}`).toBeLessThanOrEqual(DOUBT_MAX);
  }
});
