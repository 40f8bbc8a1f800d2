import type { Clock } from "../../core/clock.ts";
import { type Counter, type Histogram, type Metrics, noMetrics } from "../../core/metrics.ts";
import {
  ITEM_STATUSES,
  type ItemResult,
  type ItemStatus,
  type Provider,
  type ProviderItem,
  type ProviderState,
  type SendOptions,
} from "../provider.ts";
import { type BatchReport, type Gate, reportOf } from "./gate.ts";

export interface LimitedOptions {
  /** A batch goes when all of them let it. */
  readonly gates: readonly Gate[];
  readonly clock: Clock;
  readonly metrics?: Metrics;
  /** Batches that may wait; more are `throttled` at once. Default 256. */
  readonly waitingMax?: number;
  /** How long a batch may wait before it is `throttled`. Default 2 000 ms. */
  readonly waitMaxMs?: number;
  /** Where batches have to be smaller than the provider's own limit. */
  readonly maxBatch?: number;
}

/** How long one that is refused for want of room should wait, in milliseconds. */
const CROWDED_MS = 200;
const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
/** Weight of one batch in the mean of the latency. */
const LATENCY_WEIGHT = 0.1;

/**
 * A provider behind gates: batches go in the order in which they came, when all gates let them.
 *
 * One that would have to wait beyond its deadline, or too long, comes back as `throttled` with
 * the time to wait: it has not been tried.
 */
export function limited(provider: Provider, options: LimitedOptions): Provider {
  const queue = new Limited(provider, options);
  const { name, capabilities } = provider;
  const maxBatch = Math.min(capabilities.maxBatch, options.maxBatch ?? Infinity);
  return {
    name,
    capabilities: { ...capabilities, maxBatch },
    sendBatch: (items, it) => queue.send(items, it),
    ...(provider.payloadProblems && { payloadProblems: provider.payloadProblems }),
    ...(provider.ledger && { ledger: (ledger: string) => provider.ledger!(ledger) }),
    state: () => queue.state(),
  };
}

interface Waiting {
  readonly items: readonly ProviderItem[];
  readonly options: SendOptions;
  /** Monotonic milliseconds. */
  readonly waitUntil: number;
  readonly resolve: (results: readonly ItemResult[]) => void;
  readonly reject: (error: unknown) => void;
  readonly onAbort: () => void;
}

class Limited {
  readonly #provider: Provider;
  readonly #gates: readonly Gate[];
  readonly #clock: Clock;
  readonly #waitingMax: number;
  readonly #waitMaxMs: number;
  readonly #figures: Figures;
  readonly #queue: Waiting[] = [];
  #inFlight = 0;
  #cancelTimer: () => void = () => {};

  constructor(provider: Provider, options: LimitedOptions) {
    const { gates, clock, metrics = noMetrics, waitingMax = 256, waitMaxMs = 2_000 } = options;
    this.#provider = provider;
    this.#gates = gates;
    this.#clock = clock;
    this.#waitingMax = waitingMax;
    this.#waitMaxMs = waitMaxMs;
    this.#figures = new Figures(provider.name, metrics);
    observe(provider.name, metrics, () => this.state());
  }

  send(items: readonly ProviderItem[], options: SendOptions): Promise<readonly ItemResult[]> {
    if (items.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const now = this.#clock.monotonic();
      const waitUntil = Math.min(options.deadline, now + this.#waitMaxMs);
      const onAbort = (): void => this.#giveUp(waiting);
      const waiting: Waiting = { items, options, waitUntil, resolve, reject, onAbort };
      if (this.#queue.length >= this.#waitingMax) {
        return this.#throttle(waiting, { why: CROWDED, retryAfterMs: CROWDED_MS });
      }
      if (options.signal.aborted) return this.#throttle(waiting, STOPPED);
      options.signal.addEventListener("abort", onAbort);
      this.#queue.push(waiting);
      this.#pump();
    });
  }

  state(): ProviderState {
    const now = this.#clock.monotonic();
    const gates = this.#gates.map((gate) => [gate.name, gate.figures(now)] as const);
    return {
      inFlight: this.#inFlight,
      waiting: this.#queue.length,
      items: { ...this.#figures.items },
      latencyMs: this.#figures.latencyMs,
      gates: Object.fromEntries(gates),
    };
  }

  /** Lets go whatever may go, and sees to it that somebody looks again in time. */
  #pump(): void {
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined) return this.#cancelTimer();
      const now = this.#clock.monotonic();
      const [waitMs, gate] = this.#longestWait(first.items.length, now);
      if (now >= first.waitUntil || (waitMs > first.waitUntil - now && waitMs < Infinity)) {
        this.#queue.shift();
        const retryAfterMs = waitMs < Infinity ? waitMs : 0;
        this.#throttle(first, {
          why: gate === "" ? TOO_LATE : `${gate}: ${TOO_LATE}`,
          retryAfterMs,
        });
      } else if (waitMs > 0) {
        return this.#schedule(waitMs);
      } else {
        this.#queue.shift();
        this.#start(first, now);
      }
    }
  }

  #longestWait(items: number, now: number): readonly [ms: number, gate: string] {
    let longest = 0;
    let name = "";
    for (const gate of this.#gates) {
      const waitMs = gate.waitMs(items, now);
      if (waitMs > longest) [longest, name] = [waitMs, gate.name];
    }
    return [longest, name];
  }

  /** One timer for the whole queue: when the first may go, or the first has waited too long. */
  #schedule(waitMs: number): void {
    this.#cancelTimer();
    const now = this.#clock.monotonic();
    const untils = this.#queue.map(({ waitUntil }) => waitUntil - now);
    const delayMs = Math.max(0, Math.min(waitMs, ...untils));
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#expire();
      this.#pump();
    });
  }

  /** Behind a first one that may wait longer, others may have waited too long. */
  #expire(): void {
    const now = this.#clock.monotonic();
    for (const waiting of this.#queue.filter(({ waitUntil }) => waitUntil <= now)) {
      this.#queue.splice(this.#queue.indexOf(waiting), 1);
      this.#throttle(waiting, { why: TOO_LATE, retryAfterMs: 0 });
    }
  }

  #giveUp(waiting: Waiting): void {
    const index = this.#queue.indexOf(waiting);
    if (index < 0) return;
    this.#queue.splice(index, 1);
    this.#throttle(waiting, STOPPED);
    this.#pump();
  }

  #throttle({ items, options, resolve, onAbort }: Waiting, { why, ...rest }: Throttling): void {
    options.signal.removeEventListener("abort", onAbort);
    this.#figures.count("throttled", items.length);
    resolve(items.map(() => ({ status: "throttled", reason: why, ...rest })));
  }

  #start({ items, options, resolve, reject, onAbort }: Waiting, startedAt: number): void {
    options.signal.removeEventListener("abort", onAbort);
    for (const gate of this.#gates) gate.enter(items.length, startedAt);
    this.#inFlight += 1;
    const ended = (results: readonly ItemResult[] | undefined): void => {
      const endedAt = this.#clock.monotonic();
      const report = reportOf(results, { items: items.length, startedAt, endedAt });
      this.#inFlight -= 1;
      for (const gate of this.#gates) gate.leave(report);
      this.#figures.ended(report, results);
      this.#pump();
    };
    // An async function, so that a provider that throws is one that rejects.
    const send = async () => this.#provider.sendBatch(items, options);
    send().then(
      (results) => {
        ended(results);
        resolve(results);
      },
      (error: unknown) => {
        ended(undefined);
        reject(error);
      },
    );
  }
}

interface Throttling extends Pick<ItemResult, "cause"> {
  readonly why: string;
  readonly retryAfterMs: number;
}

const CROWDED = "too many batches wait for the provider";
const TOO_LATE = "its turn comes too late";
const STOPPED: Throttling = { why: "the sender was stopped", cause: "late", retryAfterMs: 0 };

/** What came of the batches so far, for people and for metrics. */
class Figures {
  readonly items: Record<ItemStatus, number>;
  latencyMs = 0;
  readonly #counters: Readonly<Record<ItemStatus, Counter>>;
  readonly #seconds: Histogram;

  constructor(provider: string, metrics: Metrics) {
    const each = <T>(make: (status: ItemStatus) => T): Record<ItemStatus, T> =>
      Object.fromEntries(ITEM_STATUSES.map((status) => [status, make(status)])) as never;
    this.items = each(() => 0);
    const help = "Items by what the provider said of them.";
    this.#counters = each((status) =>
      metrics.counter("herald_provider_items_total", help, { provider, status }),
    );
    const time = "Time of a batch from its hand-off to its answer.";
    this.#seconds = metrics.histogram("herald_provider_seconds", time, SECONDS, { provider });
  }

  count(status: ItemStatus, items: number): void {
    this.items[status] += items;
    this.#counters[status].add(items);
  }

  ended({ items, startedAt, endedAt }: BatchReport, results: readonly ItemResult[] | undefined) {
    const ms = endedAt - startedAt;
    this.latencyMs += (ms - this.latencyMs) * (this.latencyMs === 0 ? 1 : LATENCY_WEIGHT);
    this.#seconds.observe(ms / 1000);
    if (results === undefined) return this.count("unknown", items);
    for (const { status } of results) this.items[status] += 1;
    for (const status of new Set(results.map((result) => result.status))) {
      this.#counters[status].add(results.filter((result) => result.status === status).length);
    }
  }
}

function observe(provider: string, metrics: Metrics, state: () => ProviderState): void {
  const gauge = (name: string, help: string, read: () => number, labels = {}): void =>
    metrics.observe(`herald_provider_${name}`, help, read, { provider, ...labels });
  gauge("in_flight", "Batches that the provider has.", () => state().inFlight);
  gauge("waiting", "Batches that wait for their turn.", () => state().waiting);
  const help = "Figures of the limits around a provider.";
  for (const [name, figures] of Object.entries(state().gates)) {
    for (const [figure, value] of Object.entries(figures)) {
      if (typeof value === "string") continue;
      gauge("limit", help, () => Number(state().gates[name]?.[figure]), { gate: name, figure });
    }
  }
}
