import { type Clock, systemClock } from "../../core/clock.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Stores } from "../ports/stores.ts";
import type { Synchronous } from "../synchronous.ts";
import { memoryAudiences } from "./audience.ts";
import { memoryAudit } from "./audit.ts";
import { memoryCampaigns } from "./campaign.ts";
import { memoryCollections } from "./collections.ts";
import { memoryCredentials } from "./credentials.ts";
import { memoryInbox } from "./inbox.ts";
import { memoryMembers } from "./members.ts";
import { memoryNumbered } from "./numbered.ts";
import { memoryOutbox } from "./outbox.ts";
import { memoryReceipts } from "./receipts.ts";
import { memoryRelations } from "./relations.ts";
import { memoryRequests } from "./requests.ts";
import { memorySubscriptions } from "./subscriptions.ts";
import { memorySuppressions } from "./suppressions.ts";

export interface MemoryOptions {
  /** Unsettled items that a user's inbox holds before the oldest are shed. */
  readonly inboxPerUserMax: number;
  /** Bytes of their payloads, of which the same is true. Default: no limit. */
  readonly inboxPerUserBytesMax?: number;
  readonly clock?: Clock;
}

/** Stores that forget everything when the process ends: for tests. */
export function memoryStores(options: MemoryOptions): Stores {
  const { inboxPerUserMax, inboxPerUserBytesMax = Number.MAX_SAFE_INTEGER } = options;
  const { clock = systemClock } = options;
  const limits = { perUserMax: inboxPerUserMax, perUserBytesMax: inboxPerUserBytesMax };
  const counts: Record<string, number> = {};
  let closed = false;

  const asynchronous = <Name extends Exclude<keyof Stores, "operations" | "close">>(
    name: Name,
    methods: Synchronous<Stores[Name]>,
  ): Stores[Name] => {
    const entries = Object.entries(methods).map(([method, run]) => {
      const operation = `${name}.${method}`;
      const call = async (...args: readonly unknown[]): Promise<unknown> => {
        counts[operation] = (counts[operation] ?? 0) + 1;
        if (closed) throw new RuntimeError("store.unavailable", "the store is closed");
        return (run as (...args: readonly unknown[]) => unknown)(...args);
      };
      return [method, call];
    });
    return Object.fromEntries(entries) as unknown as Stores[Name];
  };

  const audiences = memoryAudiences();
  const { pagesOf: _, drop: __, ...audiencePort } = audiences;
  const campaigns = memoryCampaigns(audiences);
  const suppressions = memorySuppressions();
  return {
    audiences: asynchronous("audiences", audiencePort),
    collections: asynchronous("collections", memoryCollections(audiences, campaigns)),
    members: asynchronous("members", memoryMembers({ audiences, suppressions })),
    suppressions: asynchronous("suppressions", suppressions),
    subscriptions: asynchronous("subscriptions", memorySubscriptions(suppressions)),
    campaigns: asynchronous("campaigns", campaigns),
    inbox: asynchronous("inbox", memoryInbox(limits, clock)),
    credentials: asynchronous("credentials", memoryCredentials()),
    audit: asynchronous("audit", memoryAudit()),
    outbox: asynchronous("outbox", memoryOutbox()),
    receipts: asynchronous("receipts", memoryReceipts()),
    numbered: asynchronous("numbered", memoryNumbered()),
    relations: asynchronous("relations", memoryRelations()),
    requests: asynchronous("requests", memoryRequests()),
    operations: () => ({ ...counts }),
    close: async () => {
      closed = true;
    },
  };
}
