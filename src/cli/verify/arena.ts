import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Audience } from "../../actors/collect/messages.ts";
import type { Campaign, CampaignProgress } from "../../actors/master/messages.ts";
import type { Outcome } from "../../actors/review/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import { NodeProcess } from "./node-process.ts";
import type { Verdict } from "./protocol.ts";
import { SinkProcess } from "./sink-process.ts";

/** Recipients per journal window, windows in flight, and workers of every campaign here. */
export const SHAPE = { window: 200, inFlight: 2, workers: 2 } as const;
const POLL_MS = 50;
/** A campaign that takes longer than this, at least, will not end by itself. */
const TRIAL_MAX_MS = 600_000;

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
  readonly #folder: string;
  #isClosed = false;

  private constructor(
    folder: string,
    parts: { node: NodeProcess; sink: SinkProcess; leaseMs: number },
  ) {
    this.#folder = folder;
    this.node = parts.node;
    this.sink = parts.sink;
    this.leaseMs = parts.leaseMs;
  }

  static async open(leaseMs: number): Promise<Arena> {
    const folder = await mkdtemp(join(tmpdir(), "herald-verify-"));
    const sink = new SinkProcess(join(folder, "arrivals.log"));
    await sink.start();
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const dataDir = join(folder, "data");
    const node = new NodeProcess({ dataDir, leaseMs, sinkUrl: sink.url, secret });
    node.onServes = (url) => {
      const receipts = { url: `${url}/v1/providers/receipted/receipts`, secret };
      sink.behave({ ...sink.behavior, receipts });
    };
    await node.start();
    return new Arena(folder, { node, sink, leaseMs });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.node.kill();
    await this.sink.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** One answer of so many is lost from now on; 0: none is. */
  loseAnswers(every: number): void {
    this.sink.behave({ ...this.sink.behavior, loseEvery: every });
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

  create({ guarantee, audience, rate, further }: Wanted): Promise<Campaign> {
    return this.node.api.post("/v1/campaigns", {
      name: `verify ${guarantee}`,
      provider: PROVIDERS[guarantee] ?? "plain",
      payload: { text: "hello" },
      ...{ audience, guarantee, rate, ...SHAPE, ...further },
    });
  }

  command(id: string, command: string): Promise<unknown> {
    return this.node.api.post(`/v1/campaigns/${id}/${command}`, { why: "the verification" });
  }

  /**
   * Resolves when the campaign is over; looks again while the node is away. One that does not end
   * is stopped, so that the matrix goes on and says so.
   */
  async ended(id: string): Promise<Shown> {
    let patience = Math.ceil(TRIAL_MAX_MS / POLL_MS);
    while (!this.#isClosed) {
      const shown = await this.show(id).catch(() => undefined);
      const state = shown?.campaign.state;
      if (state === "finished" || state === "failed" || state === "stopped") return shown!;
      await pause(POLL_MS);
      patience -= 1;
      if (patience === 0) await this.command(id, "stop").catch(() => {});
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
