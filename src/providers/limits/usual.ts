import type { Clock } from "../../core/clock.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { Provider } from "../provider.ts";
import { AdaptiveConcurrency } from "./adaptive-concurrency.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { limited } from "./limited.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface UsualLimits {
  /** Items per second; 0 means no limit. */
  readonly ratePerSecond: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** How long a full bucket lasts at full rate, in seconds. */
const BURST_SECONDS = 0.1;

/** Counts what a provider does, for the live view and for metrics; it limits nothing. */
export function withFigures(
  provider: Provider,
  { clock, metrics }: Pick<UsualLimits, "clock" | "metrics">,
): Provider {
  return provider.state === undefined ? limited(provider, { gates: [], clock, metrics }) : provider;
}

/** The limits that every outside sender gets: a rate, a number of calls that adapts, a breaker. */
export function withUsualLimits(provider: Provider, limits: UsualLimits): Provider {
  const { ratePerSecond, clock, metrics } = limits;
  const { maxInFlight } = provider.capabilities;
  const burst = Math.max(1, ratePerSecond * BURST_SECONDS);
  const gates = [
    new TokenBucket({ perSecond: ratePerSecond, burst }),
    new AdaptiveConcurrency({ max: maxInFlight }),
    new CircuitBreaker(),
  ];
  // At a low rate no batch is more than a second's worth.
  const maxBatch = ratePerSecond === 0 ? Number.POSITIVE_INFINITY : Math.ceil(ratePerSecond);
  return limited(provider, { gates, clock, metrics, maxBatch });
}
