import { onTestFinished } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { type WebPushSettings, webPushSettings } from "../../../src/core/config-providers.ts";
import { newVapidKeys } from "../../../src/core/web-push.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { ProviderItem } from "../../../src/providers/provider.ts";
import { webPushProvider } from "../../../src/providers/web-push/web-push.ts";
import { type Behavior, created, startPushService } from "./push-service.ts";

/** A push service, and a provider for it whose subscriptions are in memory. */
export async function startWebPush(
  behavior: Behavior = created,
  changes: Partial<WebPushSettings> = {},
) {
  const keys = newVapidKeys();
  const service = await startPushService(keys.publicKey, behavior);
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const settings = {
    ...webPushSettings.parse({ subject: "mailto:push@example.com", services: [service.origin] }),
    ...changes,
  };
  const { subscriptions } = stores;
  const provider = webPushProvider({ settings, keys, subscriptions, clock: systemClock });
  onTestFinished(() => provider.close());
  return {
    service,
    stores,
    provider,
    /** A browser of a member's, named alike unless said otherwise. */
    async subscribe(member: string, name = member) {
      const { endpoint, keys: browserKeys } = service.subscribe(name);
      await subscriptions.subscribe({ member, endpoint, ...browserKeys, at: 1 }, 10);
      return endpoint;
    },
  };
}

export function message(member: string, changes: Partial<ProviderItem> = {}): ProviderItem {
  return {
    ...{ id: `cmp_1:1:0/0:${member}`, member, topic: "campaign", ack: true },
    payload: JSON.stringify({ title: `Hello ${member}`, body: 'ü🎉 "x"', link: "/offers" }),
    expiresAt: Date.now() + 3_600_500,
    ...changes,
  };
}

export function options(changes: { deadlineMs?: number; signal?: AbortSignal } = {}) {
  return {
    ledger: "campaign:cmp_1:1",
    deadline: systemClock.monotonic() + (changes.deadlineMs ?? 60_000),
    fence: 1,
    signal: changes.signal ?? new AbortController().signal,
  };
}
