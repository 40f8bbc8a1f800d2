import { systemClock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import { secretKey } from "../core/signature.ts";
import type { ProviderView } from "../gateways/http/api.ts";
import { withUsualLimits } from "../providers/limits/usual.ts";
import type { Provider } from "../providers/provider.ts";
import { webhookProvider } from "../providers/webhook/webhook.ts";
import type { Base } from "./base.ts";

/** The user's own servers that campaigns may send through, each behind its limits. */
export function openWebhooks({ config, metrics }: Base) {
  const clock = systemClock;
  const webhooks = config.providers.webhook.map((settings) => ({
    provider: webhookProvider({ settings, clock }),
    ratePerSecond: settings.ratePerSecond,
  }));
  return {
    providers: webhooks.map(({ provider, ratePerSecond }) =>
      withUsualLimits(provider, { ratePerSecond, clock, metrics }),
    ),
    close: () => {
      for (const { provider } of webhooks) provider.close();
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
