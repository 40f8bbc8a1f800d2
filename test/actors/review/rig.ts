import { storeList } from "../../../src/actors/collect/list.ts";
import { newAudience } from "../../../src/actors/collect/store.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { newReview, reviewDesk } from "../../../src/actors/review/desk.ts";
import type { ReviewMessage } from "../../../src/actors/review/messages.ts";
import { resender } from "../../../src/actors/worker/resend.ts";
import type { Result } from "../../../src/core/result.ts";
import { noCounts, type SendCounts } from "../../../src/core/send-counts.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Audience, PageId, Recipient } from "../../../src/persistence/ports/audience.ts";
import type {
  Campaign,
  CampaignState,
  PageException,
  PageKey,
} from "../../../src/persistence/ports/campaign.ts";
import type { Provider, ProviderItem } from "../../../src/providers/provider.ts";
import { campaign as newCampaign } from "../../conformance/open-stores.ts";
import { type Probe, probe, testSystem } from "../../testkit/kit.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

/** A provider that keeps what it is given and answers as a test wants. */
export class KeepingProvider implements Provider {
  readonly name: string;
  readonly items: ProviderItem[] = [];
  readonly capabilities: Provider["capabilities"];
  ledger?: NonNullable<Provider["ledger"]>;
  answer: Awaited<ReturnType<Provider["sendBatch"]>>[number] = { status: "ok" };

  constructor(name: string, idempotency: "none" | "key" = "none") {
    this.name = name;
    this.capabilities = {
      ...{ maxBatch: 3, maxInFlight: 1, idempotency, keyTtlMs: 0, receipts: "none", dryRun: false },
    };
  }

  async sendBatch(items: readonly ProviderItem[]) {
    this.items.push(...items);
    return items.map(() => this.answer);
  }
}

/** One page's journal, as a worker would have left it. */
export interface Journal {
  readonly done: number;
  readonly intent?: number;
  readonly counts?: Partial<SendCounts>;
  readonly exceptions?: readonly PageException[];
}

export type ReviewRig = ReturnType<typeof startReview>;

type Question<Type extends ReviewMessage["type"]> = Omit<
  Extract<ReviewMessage, { type: Type }>,
  "replyTo"
>;
type AnswerTo<Type extends ReviewMessage["type"]> =
  Extract<ReviewMessage, { type: Type }>["replyTo"] extends Ref<Result<infer Answer>>
    ? Answer
    : never;

/** A review desk over stores in memory, which a test fills as a run would. */
export function startReview() {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 100, clock });
  const kit = testSystem({ clock });
  const plain = new KeepingProvider("plain");
  const keyed = new KeepingProvider("keyed", "key");
  const session = new KeepingProvider("session", "key");
  session.ledger = (name) => stores.inbox.ledger(name);
  const simulated = new KeepingProvider("simulated");
  const all = new Map([plain, keyed, session].map((it) => [it.name, it]));
  const again = resender({ ...stores, providers: all, clock, owner: "n" });
  let ids = 0;
  const deps = {
    ...stores,
    providers: all,
    simulated,
    clock,
    resend: async (id: string, pages: readonly { page: PageId; indices: readonly number[] }[]) => {
      const campaign = (await stores.campaigns.read(id))!;
      const sum = { delivered: 0, refused: 0, unknown: 0 };
      for (const piece of pages) {
        const came = await again({ campaign, ...piece }, new AbortController().signal);
        sum.delivered += came.delivered;
        sum.refused += came.refused;
        sum.unknown += came.unknown;
      }
      return sum;
    },
    newId: (prefix: string) => {
      ids += 1;
      return `${prefix}_${ids}`;
    },
  };
  const desk = kit.system.spawn(reviewDesk(deps), { name: "review", state: newReview });

  return {
    ...kit,
    ...{ stores, plain, keyed, session, simulated, desk },

    /** Asks; the answer, or the error's code. */
    async ask<Type extends ReviewMessage["type"]>(
      question: { readonly type: Type } & Question<Type>,
    ): Promise<AnswerTo<Type>> {
      const asker: Probe<Result<AnswerTo<Type>>> = probe();
      desk.send({ ...question, replyTo: asker } as unknown as ReviewMessage);
      await kit.settle({ effects: "all" });
      if (asker.last.ok) return asker.last.value;
      throw asker.last.error;
    },

    async audience(recipients: readonly (string | Recipient)[]): Promise<Audience> {
      ids += 1;
      const list = recipients.map((it) => (typeof it === "string" ? { member: it } : it));
      return storeList(stores.audiences, {
        audience: newAudience(`aud_${ids}`, "everybody", { by: "test", at: 1 }),
        at: 1,
        recipients: list,
        signal: new AbortController().signal,
      });
    },

    /** A campaign in its first run, in this state. */
    async campaign(
      audience: Audience,
      changes: Partial<Campaign> = {},
      state: CampaignState = "started",
    ): Promise<Campaign> {
      ids += 1;
      const id = `cmp_${ids}`;
      const provider = "plain";
      await stores.campaigns.create(
        newCampaign(id, { audience: audience.id, provider, ...changes }),
        "cli",
      );
      const by = { by: "cli", why: "a test" };
      const first = { to: "started", epoch: 1, at: 2, ...by } as const;
      const started = await stores.campaigns.transition(id, { state: "ready", epoch: 0 }, first);
      if (state === "started") return started;
      const next = { to: state, epoch: 1, at: 3, ...by };
      return stores.campaigns.transition(id, { state: "started", epoch: 1 }, next);
    },

    /** Leaves a page of the first run as it is told. */
    async journal(campaign: Campaign, place: { partition?: number; k?: number }, it: Journal) {
      const { partition = 0, k = 0 } = place;
      const key: PageKey = { campaign: campaign.id, epoch: 1, partition, k };
      const now = clock.now();
      const lease = {
        owner: "n",
        now,
        leaseUntil: now + 1,
        version: 1,
        sendsFrom: "done",
      } as const;
      const { fence } = (await stores.campaigns.claim(key, lease))!;
      const { done, intent = done, exceptions } = it;
      const counts = { ...noCounts, ...it.counts };
      await stores.campaigns.advance({
        ...{ ...key, fence, done, intent, counts, leaseUntil: 0 },
        ...(exceptions === undefined ? {} : { exceptions }),
      });
      return key;
    },
  };
}

export function unknown(from: number, to: number): PageException {
  return { from, to, status: "unknown", rule: "crash", reason: "the worker died" };
}

export function members(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `m-${String(index).padStart(6, "0")}`);
}
