import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Audience } from "../../actors/collect/messages.ts";
import type { Campaign, CampaignProgress } from "../../actors/master/messages.ts";
import type { Outcome } from "../../actors/review/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Random } from "../../core/random.ts";
import { NodeProcess } from "./node-process.ts";
import type { Verdict } from "./protocol.ts";
import { SinkProcess } from "./sink-process.ts";

/** Recipients per journal window, windows in flight, and workers of every campaign here. */
export const SHAPE = { window: 200, inFlight: 2, workers: 2 } as const;
const POLL_MS = 50;
const SEEDS = 2 ** 32;

interface Parts {
  readonly node: NodeProcess;
  readonly sink: SinkProcess;
  readonly leaseMs: number;
  readonly random: Random;
}

export type Shown = { readonly campaign: Campaign; readonly progress: CampaignProgress };

/** What a campaign of the verification may say for itself. */
export interface Wanted {
  readonly guarantee: string;
  readonly audience: string;
  /** Messages per second; 0: no limit. */
  readonly rate: number;
  readonly further?: object | undefined;
}

/** A temporary folder with a node, the judge that its campaigns are sent to, and what they do. */
export class Arena {
  readonly node: NodeProcess;
  readonly sink: SinkProcess;
  readonly leaseMs: number;
  /** Chance for all that is done here. */
  readonly random: Random;
  readonly folder: string;
  /** The campaign that was created last. */
  campaign: string | undefined;
  /** What is being done, for people, and since when, on the monotonic clock. */
  doing = "opening";
  steppedAt = performance.now();
  #isClosed = false;

  private constructor(folder: string, parts: Parts) {
    this.folder = folder;
    this.node = parts.node;
    this.sink = parts.sink;
    this.leaseMs = parts.leaseMs;
    this.random = parts.random;
  }

  static async open({ leaseMs, random }: Pick<Parts, "leaseMs" | "random">): Promise<Arena> {
    const folder = await mkdtemp(join(tmpdir(), "herald-verify-"));
    const seed = Math.floor(random() * SEEDS);
    const sink = new SinkProcess(join(folder, "arrivals.log"), seed);
    await sink.start();
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const dataDir = join(folder, "data");
    const options = { dataDir, leaseMs, sinkUrl: sink.url, secret };
    const node = new NodeProcess(options, join(folder, "node.log"));
    node.onServes = (url) => {
      sink.behave({ receipts: { url: `${url}/v1/providers/receipted/receipts`, secret } });
    };
    const arena = new Arena(folder, { node, sink, leaseMs, random });
    try {
      await node.start();
    } catch (thrown) {
      await arena.close({ isKept: true });
      throw thrown;
    }
    return arena;
  }

  /** Ends the processes. What they wrote is kept when somebody has to look at it. */
  async close({ isKept }: { readonly isKept: boolean }): Promise<void> {
    this.#isClosed = true;
    await this.node.kill();
    await this.sink.stop();
    if (!isKept) await rm(this.folder, { recursive: true, force: true });
  }

  /** Says that something has been done, so that it is seen to go on. */
  step(done: string): void {
    this.doing = done;
    this.steppedAt = performance.now();
  }

  /** Who is in any of these audiences, each once. */
  unite(union: readonly string[]): Promise<Audience> {
    return this.node.api.post("/v1/audiences", { name: "all of them", union });
  }

  /** What the node itself says of each recipient of a run. */
  async *results(id: string): AsyncGenerator<Outcome> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const piece of this.node.api.download(`/v1/campaigns/${id}/results?format=ndjson`)) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as Outcome;
    }
  }

  /** Imports members by their ids; repeated ones are one recipient. */
  importMembers(name: string, members: readonly string[]): Promise<Audience> {
    return this.node.api.post("/v1/audiences", { name, members });
  }

  async create({ guarantee, audience, rate, further }: Wanted): Promise<Campaign> {
    const campaign = await this.node.api.post<Campaign>("/v1/campaigns", {
      name: `verify ${guarantee}`,
      provider: PROVIDERS[guarantee] ?? "plain",
      payload: { text: "hello" },
      ...{ audience, guarantee, rate, ...SHAPE, ...further },
    });
    this.campaign = campaign.id;
    this.step(`created ${campaign.id}`);
    return campaign;
  }

  command(id: string, command: string): Promise<unknown> {
    return this.node.api.post(`/v1/campaigns/${id}/${command}`, { why: "the verification" });
  }

  /** Resolves when the campaign is over; looks again while the node is away. */
  async ended(id: string, see: (shown: Shown) => void): Promise<Shown> {
    while (!this.#isClosed) {
      const shown = await this.show(id).catch(() => undefined);
      if (shown !== undefined) see(shown);
      const state = shown?.campaign.state;
      if (state === "finished" || state === "failed" || state === "stopped") return shown!;
      await pause(POLL_MS);
    }
    throw new RuntimeError("node.not-ready", "the verification is over");
  }

  show(id: string): Promise<Shown> {
    return this.node.api.get(`/v1/campaigns/${id}`);
  }

  judge({ id, epoch, guarantee }: Campaign, members: readonly string[]): Promise<Verdict> {
    const ledger = `campaign:${id}:${epoch}`;
    return this.sink.judge({ ledger, members, knowsKeys: knowsKeys(guarantee) });
  }
}

/** The way that each guarantee needs. */
const PROVIDERS: Readonly<Record<string, string>> = { key: "keyed", receipt: "receipted" };

function knowsKeys(guarantee: string): boolean {
  return guarantee === "key";
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function memberNames(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `v-${from + index}`);
}
