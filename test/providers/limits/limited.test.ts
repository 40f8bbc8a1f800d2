import { describe, expect, test } from "vitest";
import { noMetrics } from "../../../src/core/metrics.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { AdaptiveConcurrency } from "../../../src/providers/limits/adaptive-concurrency.ts";
import { CircuitBreaker } from "../../../src/providers/limits/circuit-breaker.ts";
import type { Gate } from "../../../src/providers/limits/gate.ts";
import { type LimitedOptions, limited } from "../../../src/providers/limits/limited.ts";
import { TokenBucket } from "../../../src/providers/limits/token-bucket.ts";
import { withUsualLimits } from "../../../src/providers/limits/usual.ts";
import type { ItemResult, Provider, ProviderItem } from "../../../src/providers/provider.ts";
import { type SimulatedOptions, simulatedProvider } from "../../../src/providers/simulated.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { messages } from "../webhook/sink.ts";

interface StartOptions extends Partial<Omit<LimitedOptions, "clock" | "gates">> {
  readonly gates?: readonly Gate[];
  readonly simulated?: Partial<SimulatedOptions>;
  readonly seed?: number;
}

/** A simulated provider behind gates, on virtual time. */
function start({ gates = [], simulated = {}, seed = 1, ...options }: StartOptions = {}) {
  const clock = new VirtualClock();
  const taken: { readonly at: number; readonly ids: readonly string[] }[] = [];
  const provider = simulatedProvider({
    clock,
    random: seededRandom(seed),
    latencyMs: { min: 50, max: 50 },
    onTaken: (items) => taken.push({ at: clock.monotonic(), ids: items.map(({ id }) => id) }),
    ...simulated,
  });
  const guarded = limited(provider, { gates, clock, ...options });
  return { clock, taken, guarded, ...driver(clock, guarded) };
}

function driver(clock: VirtualClock, provider: Provider) {
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const send = (items: readonly ProviderItem[], inMs = 10_000, signal?: AbortSignal) => {
    const sent: { results?: readonly ItemResult[]; error?: unknown; at?: number } = {};
    provider
      .sendBatch(items, {
        ledger: "campaign:c1:1",
        deadline: clock.monotonic() + inMs,
        fence: 1,
        signal: signal ?? new AbortController().signal,
      })
      .then(
        (results) => Object.assign(sent, { results, at: clock.monotonic() }),
        (error: unknown) => Object.assign(sent, { error, at: clock.monotonic() }),
      );
    return sent;
  };
  /** Moves time on, letting promises settle after each timer. */
  const advance = async (ms: number): Promise<void> => {
    const target = clock.monotonic() + ms;
    await settle();
    while (clock.fireNext(target)) await settle();
    clock.advance(target - clock.monotonic());
    await settle();
  };
  return { send, advance };
}

const throttled = (reason: string, retryAfterMs: number) => ({
  ...{ status: "throttled", reason, retryAfterMs },
});

describe("a provider behind gates", () => {
  test("is asked at once when nothing is against it, and its answer comes back", async () => {
    const { send, advance, taken } = start();
    const sent = send(messages(2));
    await advance(50);
    expect(sent).toEqual({ results: [{ status: "ok" }, { status: "ok" }], at: 50 });
    expect(taken.map(({ at }) => at)).toEqual([0]);
  });

  test("is asked in the order in which batches came, at the rate", async () => {
    const gates = [new TokenBucket({ perSecond: 100, burst: 10 })];
    const { send, advance, taken, guarded } = start({ gates, waitMaxMs: 60_000 });
    for (let n = 0; n < 6; n += 1) send(messages(10, n * 10));
    await advance(0);
    expect(guarded.state?.()).toMatchObject({ inFlight: 1, waiting: 5 });
    await advance(600);
    expect(taken.map(({ at, ids }) => [at, ids[0]])).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => [n * 100, `c1:1:0/0:${n * 10}`]),
    );
    expect(guarded.state?.()).toMatchObject({ inFlight: 0, waiting: 0, items: { ok: 60 } });
  });

  test("a batch whose turn comes too late is not sent, and told when to come", async () => {
    const gates = [new TokenBucket({ perSecond: 10, burst: 10 })];
    const { send, advance, taken } = start({ gates, waitMaxMs: 60_000 });
    send(messages(10));
    const late = send(messages(10, 10), 500);
    const inTime = send(messages(10, 20), 1_500);
    await advance(2_000);
    expect(late).toMatchObject({
      at: 0,
      results: Array(10).fill(throttled("rate: its turn comes too late", 1_000)),
    });
    expect(inTime.results?.[0]).toEqual({ status: "ok" });
    expect(taken.map(({ at }) => at)).toEqual([0, 1_000]);
  });

  test("a batch that waits behind a slow one is given back at its own deadline", async () => {
    const gates = [new AdaptiveConcurrency({ max: 1 })];
    const { send, advance, taken } = start({ gates, simulated: { latencyMs: at(1_000) } });
    send(messages(1));
    const patient = send(messages(1, 1), 5_000);
    const hurried = send(messages(1, 2), 300);
    await advance(400);
    expect(hurried).toEqual({ at: 300, results: [throttled("its turn comes too late", 0)] });
    await advance(2_000);
    expect(patient.results).toEqual([{ status: "ok" }]);
    expect(taken).toHaveLength(2);
  });

  test("no batch waits longer than it is let, whatever its deadline", async () => {
    const gates = [new AdaptiveConcurrency({ max: 1 })];
    const { send, advance } = start({ gates, simulated: { latencyMs: at(60_000) } });
    send(messages(1), 120_000);
    const waiting = send(messages(1, 1), 120_000);
    await advance(2_000);
    expect(waiting.at).toBe(2_000);
  });

  test("batches beyond the queue are given back at once", async () => {
    const gates = [new AdaptiveConcurrency({ max: 1 })];
    const { send, advance } = start({ gates, waitingMax: 2 });
    const sent = [0, 1, 2, 3].map((n) => send(messages(1, n)));
    await advance(0);
    const reason = "too many batches wait for the provider";
    expect(sent.map(({ results }) => results)).toEqual([
      ...[undefined, undefined, undefined],
      [throttled(reason, 200)],
    ]);
  });

  test("a sender that is stopped gives up its place", async () => {
    const gates = [new AdaptiveConcurrency({ max: 1 })];
    const { send, advance, guarded } = start({ gates });
    const stop = new AbortController();
    send(messages(1));
    const stopped = send(messages(1, 1), 5_000, stop.signal);
    const next = send(messages(1, 2));
    await advance(10);
    stop.abort();
    await advance(0);
    expect(stopped.results).toEqual([{ ...throttled("the sender was stopped", 0), cause: "late" }]);
    expect(guarded.state?.().waiting).toBe(1);
    expect(send(messages(1, 3), 5_000, AbortSignal.abort())).toEqual({});
    await advance(100);
    expect(next.results).toEqual([{ status: "ok" }]);
  });

  test("a rejection is passed on and counted as a failure", async () => {
    const clock = new VirtualClock();
    const broken = { ...simulatedProvider({ clock, random: seededRandom(1) }), sendBatch: thrown };
    const gates = [new CircuitBreaker({ failuresMax: 2 })];
    const guarded = limited(broken, { gates, clock });
    const { send, advance } = driver(clock, guarded);
    const sent = [send(messages(3)), send(messages(3)), send(messages(3), 500)];
    await advance(0);
    expect(sent[0]).toMatchObject({ error: new Error("broken") });
    const late = send(messages(3), 500);
    await advance(0);
    expect(late.results?.[0]).toEqual(throttled("breaker: its turn comes too late", 1_000));
    expect(guarded.state?.().items).toMatchObject({ unknown: 9, throttled: 3 });
  });
});

function thrown(): never {
  throw new Error("broken");
}

function at(ms: number) {
  return { min: ms, max: ms };
}

test("a provider that is throttled is left alone by everybody, and then goes on", async () => {
  const { clock, ...node } = start();
  let calls = 0;
  const busy: Provider = {
    ...node.guarded,
    sendBatch: async (items) => {
      calls += 1;
      const status = clock.monotonic() < 700 ? "throttled" : "ok";
      return items.map(() => ({ status, retryAfterMs: 700 }));
    },
  };
  const guarded = withUsualLimits(busy, { ratePerSecond: 0, clock, metrics: noMetrics });
  const { send, advance } = driver(clock, guarded);
  send(messages(5));
  await advance(1);
  const waiting = [send(messages(5)), send(messages(5))];
  await advance(600);
  expect(calls).toBe(1);
  expect(guarded.state?.().gates).toMatchObject({ rate: { heldMs: 99 } });
  await advance(200);
  expect(waiting.map(({ results }) => results?.[0]?.status)).toEqual(["ok", "ok"]);
});

test("at a low rate batches are no larger than a second's worth", () => {
  const clock = new VirtualClock();
  const provider = simulatedProvider({ clock, random: seededRandom(1) });
  const limits = { clock, metrics: noMetrics };
  const of = (ratePerSecond: number) =>
    withUsualLimits(provider, { ratePerSecond, ...limits }).capabilities.maxBatch;
  expect([of(0), of(7.5), of(50_000)]).toEqual([1_000, 8, 1_000]);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "whatever happens, each batch is answered once and no limit is passed (seed %i)",
  async (seed) => {
    const random = seededRandom(seed * 77);
    const [perSecond, burst, max] = [200 + random() * 2_000, 50, 6];
    const gates = [
      new TokenBucket({ perSecond, burst }),
      new AdaptiveConcurrency({ max }),
      new CircuitBreaker({ openMs: 100, openMaxMs: 1_000 }),
    ];
    const simulated = {
      ...{ refused: 0.05, invalid: 0.05, retry: 0.2, answersLost: 0.2, inFlightMax: 4 },
      latencyMs: { min: 5, max: 200 },
    };
    const { clock, send, advance, taken, guarded } = start({ gates, simulated, seed });
    const sent: { items: number; deadline: number; it: ReturnType<typeof send> }[] = [];
    for (let step = 0; step < 300; step += 1) {
      const items = 1 + Math.floor(random() * 40);
      const inMs = random() * 1_500;
      const deadline = clock.monotonic() + inMs;
      sent.push({ items, deadline, it: send(messages(items, step * 100), inMs) });
      expect(guarded.state?.().inFlight).toBeLessThanOrEqual(max);
      await advance(random() < 0.7 ? random() * 20 : random() * 400);
    }
    await advance(5_000);
    for (const { items, it } of sent) expect(it.results).toHaveLength(items);
    expect(guarded.state?.()).toMatchObject({ inFlight: 0, waiting: 0 });
    expect(clock.timers).toBe(0);
    const counted = Object.values(guarded.state!().items).reduce((sum, n) => sum + n, 0);
    expect(counted).toBe(sent.reduce((sum, { items }) => sum + items, 0));
    // Each item is taken at most once, in time, and the provider says so or does not know.
    const ids = taken.flatMap((it) => it.ids);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { at: time, ids: batch } of taken) {
      const step = Math.floor(Number(batch[0]?.split(":").at(-1) ?? 0) / 100);
      if (batch.length > 0) expect(time).toBeLessThan(sent[step]!.deadline);
    }
    const ok = sent.flatMap(({ it }) => it.results!).filter(({ status }) => status === "ok");
    expect(ids.length).toBeGreaterThanOrEqual(ok.length);
  },
);

test("the same seed gives the same run, and another one another", async () => {
  const runOf = async (seed: number) => {
    const { send, advance } = start({ seed, simulated: { refused: 0.3, answersLost: 0.2 } });
    const sent = Array.from({ length: 20 }, (_, n) => send(messages(10, n * 10)));
    await advance(100);
    return sent.map(({ results }) => results);
  };
  expect(await runOf(5)).toEqual(await runOf(5));
  expect(await runOf(5)).not.toEqual(await runOf(6));
});

test("a simulated provider that knows its keys takes an item once", async () => {
  const { send, advance, taken } = start({ simulated: { keysMax: 15 } });
  for (const from of [0, 5, 0, 10]) {
    send(messages(10, from));
    await advance(50);
  }
  expect(taken.map(({ ids }) => ids.length)).toEqual([10, 5, 0, 5]);
});
