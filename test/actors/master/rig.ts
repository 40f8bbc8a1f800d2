import { audienceDesk, newAudienceDesk } from "../../../src/actors/collect/desk.ts";
import type { AudienceMessage } from "../../../src/actors/collect/messages.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { campaignDesk } from "../../../src/actors/master/desk.ts";
import { campaignMaster, newMaster } from "../../../src/actors/master/master.ts";
import {
  type Campaign,
  type CampaignCommand,
  type CampaignMessage,
  type CampaignProgress,
  type CampaignSpec,
  type CommandAnswer,
  campaignKind,
  type OptionalPart,
  type Transition,
} from "../../../src/actors/master/messages.ts";
import { abandonedPages } from "../../../src/actors/worker/abandoned.ts";
import type { SpawnWorker } from "../../../src/actors/worker/messages.ts";
import { resender } from "../../../src/actors/worker/resend.ts";
import { pushWorkers } from "../../../src/actors/worker/worker.ts";
import { emptyLedger, type Ledger } from "../../../src/core/ledger.ts";
import type { Result } from "../../../src/core/result.ts";
import { CsvDecoder } from "../../../src/gateways/csv/decoder.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Audience, PageOf, Recipient } from "../../../src/persistence/ports/audience.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import type { ItemResult, Provider, ProviderItem } from "../../../src/providers/provider.ts";
import { type Probe, probe, type TestSystem, testSystem } from "../../testkit/kit.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

/** A provider that remembers what it was given, and answers as a test wants. */
export class RecordingProvider implements Provider {
  readonly name = "recording";
  capabilities: Provider["capabilities"] = {
    maxBatch: 10_000,
    maxInFlight: 10_000,
    idempotency: "key",
    keyTtlMs: 86_400_000,
    receipts: "none",
    dryRun: false,
  };
  /** Every item, in the order of arrival. */
  readonly items: ProviderItem[] = [];
  readonly windows: number[] = [];
  /** Decides what becomes of a batch; by default everything is ok. */
  answer: (items: readonly ProviderItem[]) => Promise<readonly ItemResult[]> | ItemResult[] = (
    items,
  ) => items.map(() => ({ status: "ok" }));
  settled: Ledger = emptyLedger;

  async sendBatch(items: readonly ProviderItem[]): Promise<readonly ItemResult[]> {
    this.items.push(...items);
    this.windows.push(items.length);
    return this.answer(items);
  }

  async ledger(): Promise<Ledger> {
    return this.settled;
  }

  get members(): string[] {
    return this.items.map(({ member }) => member);
  }
}

export const SPEC: CampaignSpec = {
  name: "spring",
  audience: "",
  provider: "recording",
  topic: "campaign",
  payload: { text: "hello" },
  ack: true,
  ttlMs: 3_600_000,
  rate: 0,
  workers: 2,
  window: 10,
  inFlight: 2,
  guarantee: "at-most-once",
};

export interface RigOptions {
  readonly stores?: Stores;
  readonly clock?: VirtualClock;
  readonly provider?: RecordingProvider;
  readonly owner?: string;
  readonly crashesAllowed?: boolean;
  /** Wraps what makes workers. */
  readonly workers?: (spawn: SpawnWorker) => SpawnWorker;
  /** Wraps what makes masters. */
  readonly master?: (type: ReturnType<typeof campaignMaster>) => ReturnType<typeof campaignMaster>;
}

export interface Rig extends TestSystem {
  readonly stores: Stores;
  readonly provider: RecordingProvider;
  readonly desk: Ref<CampaignMessage>;
  readonly audiences: Ref<AudienceMessage>;
  /** Asks and settles; the answer must be there by then. */
  ask<Answer>(request: (replyTo: Ref<Answer>) => CampaignMessage): Promise<Answer>;
  /** Stores an audience of so many members, or of these. */
  audience(members: number | readonly Recipient[]): Promise<Audience>;
  create(spec: Partial<CampaignSpec>): Promise<Campaign>;
  command(id: string, command: CampaignCommand | "proceed"): Promise<Result<CommandAnswer>>;
  edit(
    id: string,
    changes: Partial<CampaignSpec>,
    options?: { readonly removes?: readonly OptionalPart[]; readonly expectedVersion?: number },
  ): Promise<Result<Campaign>>;
  tune(
    id: string,
    pace: { readonly workers?: number; readonly rate?: number },
  ): Promise<Result<Campaign>>;
  read(id: string): Promise<{ campaign: Campaign; progress: CampaignProgress }>;
  log(id: string): Promise<readonly Transition[]>;
}

/** A node's campaign actors on virtual time and stores in memory. */
export function startCampaigns(options: RigOptions = {}): Rig {
  const clock = options.clock ?? new VirtualClock();
  const stores = options.stores ?? memoryStores({ inboxPerUserMax: 1_000, clock });
  const provider = options.provider ?? new RecordingProvider();
  const kit = testSystem({ clock, crashesAllowed: options.crashesAllowed ?? false });
  const { system, settle } = kit;
  const providers = new Map<string, Provider>([[provider.name, provider]]);
  const { campaigns, audiences } = stores;
  let ids = 0;
  const newId = (prefix: string): string => {
    ids += 1;
    return `${prefix}_${options.owner ?? "a"}${ids}`;
  };
  const newDecoder = () => new CsvDecoder();
  const audienceRef = system.spawn(audienceDesk({ audiences, newId, newDecoder }), {
    name: "audiences",
    state: newAudienceDesk,
  });
  const owner = options.owner ?? "boot-1";
  const { members, receipts, suppressions } = stores;
  const ports = { campaigns, audiences, providers, members, receipts, suppressions };
  const workers = pushWorkers({ ...ports, clock, owner });
  const spawnWorker = options.workers?.(workers) ?? workers;
  const under = system.supervisor("campaigns");
  const settleAbandoned = abandonedPages({ campaigns, audiences, clock });
  const resendWindow = resender({ ...ports, clock, owner });
  const made = campaignMaster({
    ...{
      campaigns,
      audiences,
      providers,
      spawnWorker,
      settleAbandoned,
      resendWindow,
      owner,
      receipts,
    },
  });
  const type = options.master?.(made) ?? made;
  system.registerEntity(campaignKind, { under, type, state: newMaster });
  const desk = system.spawn(campaignDesk({ campaigns, audiences, providers, newId }), {
    name: "desk",
    state: null,
  });

  const ask: Rig["ask"] = async <Answer>(request: (replyTo: Ref<Answer>) => CampaignMessage) => {
    const asker: Probe<Answer> = probe();
    desk.send(request(asker));
    await settle();
    return asker.last;
  };
  const must = <T>(result: Result<T>): T => {
    if (result.ok) return result.value;
    throw result.error;
  };

  return {
    ...kit,
    stores,
    provider,
    desk,
    audiences: audienceRef,
    ask,
    async audience(members) {
      const recipients = typeof members === "number" ? numbered(members) : members;
      const asker: Probe<Result<Audience>> = probe();
      audienceRef.send({
        type: "import-list",
        by: "test",
        name: "all",
        recipients,
        replyTo: asker,
      });
      await settle({ effects: "all" });
      return must(asker.last);
    },
    async create(spec) {
      const whole = { ...SPEC, ...spec };
      return must(
        await ask<Result<Campaign>>((replyTo) => ({
          type: "create-campaign",
          spec: whole,
          by: "test",
          replyTo,
        })),
      );
    },
    command: (id, command) =>
      ask((replyTo) => ({ type: "command", id, command, by: "test", why: "a test", replyTo })),
    edit: (id, changes, { removes = [], expectedVersion } = {}) =>
      ask((replyTo) => ({
        ...{ type: "edit-campaign", id, changes, removes, expectedVersion },
        ...{ by: "test", why: "a test", replyTo },
      })),
    tune: (id, { workers, rate }) =>
      ask((replyTo) => ({
        ...{ type: "tune-campaign", id, workers, rate, by: "test", why: "a test", replyTo },
      })),
    async read(id) {
      return must(
        await ask<Result<{ campaign: Campaign; progress: CampaignProgress }>>((replyTo) => ({
          type: "read-campaign",
          id,
          replyTo,
        })),
      );
    },
    async log(id) {
      const request = { limit: 100 };
      const page = await ask<Result<PageOf<Transition>>>((replyTo) => ({
        type: "read-log",
        id,
        request,
        replyTo,
      }));
      return must(page).items;
    },
  };
}

export function numbered(count: number): Recipient[] {
  return Array.from({ length: count }, (_, index) => ({ member: `user-${index}` }));
}

/** Members that got more than one message. */
export function repeated(members: readonly string[]): string[] {
  const seen = new Set<string>();
  return members.filter((member) => seen.size === seen.add(member).size);
}
