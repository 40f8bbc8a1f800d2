import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import type { ItemResult, Provider, ProviderItem, SendOptions } from "./provider.ts";

export interface SimulatedOptions {
  readonly name?: string;
  readonly clock: Clock;
  /** Seed it to repeat a run. */
  readonly random: Random;
  /** How long a batch takes, in milliseconds. Default 20 to 80. */
  readonly latencyMs?: { readonly min: number; readonly max: number };
  /** Share of items that are refused, and that are refused for a bad address. Default 0. */
  readonly refused?: number;
  readonly invalid?: number;
  /** Share of items that are certainly not sent. Default 0. */
  readonly retry?: number;
  /** Share of batches that are done, but whose answer is lost. Default 0. */
  readonly answersLost?: number;
  /** Batches at the same time beyond which it asks to wait. Default: no limit. */
  readonly inFlightMax?: number;
  /** So many ids are recognised when they come again; the oldest are forgotten. Default 0. */
  readonly keysMax?: number;
  /** Called with what it takes, at the moment at which a real one would send it. */
  readonly onTaken?: (items: readonly ProviderItem[]) => void;
}

const MAX_BATCH = 1_000;
const MAX_IN_FLIGHT = 64;
const RETRY_AFTER_MS = 500;
const DAY_MS = 86_400_000;

/**
 * Sends nothing, but takes its time and fails like a real one: for dry runs and chaos.
 *
 * The same seed and the same calls give the same results.
 */
export function simulatedProvider(options: SimulatedOptions): Provider {
  const { name = "simulated", keysMax = 0 } = options;
  const known = new Set<string>();
  let inFlight = 0;
  return {
    name,
    capabilities: {
      maxBatch: MAX_BATCH,
      maxInFlight: MAX_IN_FLIGHT,
      idempotency: keysMax > 0 ? "key" : "none",
      keyTtlMs: keysMax > 0 ? DAY_MS : 0,
      receipts: "none",
      dryRun: true,
    },
    async sendBatch(items, it) {
      if (inFlight >= (options.inFlightMax ?? Number.POSITIVE_INFINITY)) {
        const throttled = { status: "throttled", reason: "busy", retryAfterMs: RETRY_AFTER_MS };
        return items.map(() => throttled as ItemResult);
      }
      inFlight += 1;
      try {
        return await simulate(options, known, items, it);
      } finally {
        inFlight -= 1;
      }
    },
  };
}

async function simulate(
  options: SimulatedOptions,
  known: Set<string>,
  items: readonly ProviderItem[],
  { deadline, signal }: SendOptions,
): Promise<readonly ItemResult[]> {
  const { clock, random, latencyMs = { min: 20, max: 80 }, answersLost = 0 } = options;
  if (signal.aborted || clock.monotonic() >= deadline) {
    const reason = "the lease has ended";
    return items.map(() => ({ status: "throttled", cause: "late", reason, retryAfterMs: 0 }));
  }
  const results = items.map(() => resultOf(options));
  const taken = items.filter(({ id }, index) => {
    if (results[index]?.status !== "ok") return false;
    return isNew(known, id, options.keysMax ?? 0);
  });
  options.onTaken?.(taken);
  const isLost = random() < answersLost;
  const delayMs = latencyMs.min + random() * (latencyMs.max - latencyMs.min);
  await new Promise<void>((resolve) => clock.after(delayMs, resolve));
  if (!isLost) return results;
  return items.map(() => ({ status: "unknown", reason: "the answer was lost" }));
}

function isNew(known: Set<string>, id: string, keysMax: number): boolean {
  if (known.has(id)) return false;
  if (keysMax > 0) known.add(id);
  if (known.size > keysMax) known.delete(known.values().next().value!);
  return true;
}

function resultOf({ random, refused = 0, invalid = 0, retry = 0 }: SimulatedOptions): ItemResult {
  const chance = random();
  if (chance < refused) return { status: "refused", reason: "refused by chance" };
  if (chance < refused + invalid) return { status: "invalid", reason: "invalid by chance" };
  if (chance < refused + invalid + retry) {
    return { status: "retry", reason: "failed by chance", retryAfterMs: RETRY_AFTER_MS };
  }
  return { status: "ok" };
}
