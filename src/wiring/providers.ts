import { systemClock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import { secretKey } from "../core/signature.ts";
import { WEB_PUSH } from "../core/web-push.ts";
import type { ProviderView } from "../gateways/http/api.ts";
import { withUsualLimits } from "../providers/limits/usual.ts";
import type { Provider } from "../providers/provider.ts";
import { webhookProvider } from "../providers/webhook/webhook.ts";
import type { Base } from "./base.ts";
import { openWebPush } from "./web-push.ts";

/** The outside senders that are configured, each behind its limits. */
export async function openSenders(base: Base) {
  const clock = systemClock;
  const { config, metrics } = base;
  const webhooks = config.providers.webhook.map((settings) => ({
    provider: webhookProvider({ settings, clock }),
    ratePerSecond: settings.ratePerSecond,
  }));
  const webPush = await openWebPush(base);
  const senders = [...webhooks, ...(webPush === undefined ? [] : [webPush])];
  return {
    providers: senders.map(({ provider, ratePerSecond }) =>
      withUsualLimits(provider, { ratePerSecond, clock, metrics }),
    ),
    /** What pages subscribe with, by the provider they subscribe to. */
    vapidKey: (name: string) => (name === WEB_PUSH ? webPush?.publicKey : undefined),
    close: () => {
      for (const { provider } of senders) provider.close();
    },
  };
}

/** The keys of those webhooks that may report what became of messages. */
export function receiptKeys({ providers }: Config): (provider: string) => readonly Uint8Array[] {
  const keys = new Map(
    providers.webhook
      .filter(({ receipts }) => receipts)
      .map(({ name, secrets }) => [name, secrets.map(secretKey)] as const),
  );
  return (provider) => keys.get(provider) ?? [];
}

/** What the providers are and do at this moment, by name. */
export function viewsOf(providers: readonly Provider[]): readonly ProviderView[] {
  return providers
    .map((provider) => {
      const { name, capabilities } = provider;
      return { name, capabilities, state: provider.state?.() };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
