import { systemClock } from "../../src/core/clock.ts";
import { noMetrics } from "../../src/core/metrics.ts";
import { seededRandom } from "../../src/core/random.ts";
import { withFigures, withUsualLimits } from "../../src/providers/limits/usual.ts";
import { nullProvider } from "../../src/providers/null.ts";
import type { Provider } from "../../src/providers/provider.ts";
import { sessionProvider } from "../../src/providers/session.ts";
import { simulatedProvider } from "../../src/providers/simulated.ts";
import { type ProviderRig, providerConformance } from "../conformance/provider.ts";
import { sessionNode } from "../testkit/session-node.ts";
import { message, startWebPush } from "./web-push/rig.ts";
import { messages, providerFor, startSink } from "./webhook/sink.ts";

const monotonic = (): number => systemClock.monotonic();
const limits = { clock: systemClock, metrics: noMetrics };
const numbered = async (n: number) => messages(1, n)[0]!;

async function webPush(wrap: (provider: Provider) => Provider = (it) => it): Promise<ProviderRig> {
  const { service, provider, subscribe } = await startWebPush();
  return {
    provider: wrap(provider),
    monotonic,
    async message(n) {
      await subscribe(`m-${n}`);
      return message(`m-${n}`);
    },
    sent: () => service.delivered.length,
  };
}

async function webhook(): Promise<ProviderRig> {
  const sink = await startSink();
  const sent = () => sink.requests.reduce((sum, { batch }) => sum + batch.items.length, 0);
  return { provider: providerFor(sink.url), monotonic, message: numbered, sent };
}

function session(): ProviderRig {
  const node = sessionNode();
  const { clock, desk } = node;
  let taken = 0;
  const append: typeof desk.append = async (items) => {
    taken += items.length;
    return desk.append(items);
  };
  const provider = sessionProvider({ ...desk, append, clock, keyTtlMs: 86_400_000 });
  return {
    provider,
    monotonic: () => clock.monotonic(),
    message: numbered,
    settle: () => node.settle(),
    sent: () => taken,
  };
}

function simulated(): ProviderRig {
  let sent = 0;
  const provider = simulatedProvider({
    ...{ clock: systemClock, random: seededRandom(1), latencyMs: { min: 0, max: 1 } },
    onTaken: (items) => {
      sent += items.length;
    },
  });
  return { provider, monotonic, message: numbered, sent: () => sent };
}

/** It sends nothing, so what it says it has taken stands for what was sent. */
function nothing(): ProviderRig {
  const inner = nullProvider();
  let sent = 0;
  const provider: Provider = {
    ...inner,
    async sendBatch(items, options) {
      const results = await inner.sendBatch(items, options);
      sent += results.filter(({ status }) => status === "ok").length;
      return results;
    },
  };
  return { provider, monotonic, message: numbered, sent: () => sent };
}

providerConformance("web push", webPush);
providerConformance("web push behind its limits", () =>
  webPush((it) => withUsualLimits(it, { ...limits, ratePerSecond: 1_000 })),
);
providerConformance("a webhook", webhook);
providerConformance("sessions", session);
providerConformance("the simulation", simulated);
providerConformance("nothing, as a node has it,", () => {
  const rig = nothing();
  return { ...rig, provider: withFigures(rig.provider, limits) };
});
