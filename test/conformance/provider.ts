import { describe, expect, test } from "vitest";
import {
  ITEM_STATUSES,
  type ItemResult,
  type Provider,
  type ProviderItem,
} from "../../src/providers/provider.ts";

/** A provider, and what is on the other side of it. */
export interface ProviderRig {
  readonly provider: Provider;
  /** A message, alone of its number, to somebody who can be reached. */
  message(n: number): Promise<ProviderItem>;
  /** Monotonic milliseconds of the provider's clock. */
  monotonic(): number;
  /** Lets what was asked for happen, where time is virtual. */
  settle?(): Promise<void>;
  /** Messages that have left the provider. */
  sent(): number;
}

type Options = Parameters<Provider["sendBatch"]>[1];

/** What every `Provider` must do for messages to somebody who can be reached. */
export function providerConformance(
  name: string,
  open: () => ProviderRig | Promise<ProviderRig>,
): void {
  async function start() {
    const rig = await open();
    const make = (count: number, from = 0) =>
      Promise.all(Array.from({ length: count }, (_, n) => rig.message(from + n)));
    const send = async (items: readonly ProviderItem[], changes: Partial<Options> = {}) => {
      const deadline = rig.monotonic() + 60_000;
      const signal = new AbortController().signal;
      const options = { ledger: "campaign:c1:1", deadline, fence: 1, signal, ...changes };
      const results = rig.provider.sendBatch(items, options);
      await rig.settle?.();
      return results;
    };
    return { ...rig, make, send };
  }

  describe(`${name} is a provider`, () => {
    test("says what it can do without contradiction", async () => {
      const { provider } = await start();
      const { maxBatch, maxInFlight, idempotency, keyTtlMs } = provider.capabilities;
      expect(provider.name).toMatch(/^[a-z0-9][a-z0-9-]{0,63}$/);
      for (const limit of [maxBatch, maxInFlight]) {
        expect(Number.isInteger(limit) && limit > 0, `${limit}`).toBe(true);
      }
      expect(keyTtlMs > 0).toBe(idempotency === "key");
    });

    test("takes a whole batch, and says of each message that it has", async () => {
      const { provider, make, send, sent } = await start();
      const items = await make(Math.min(20, provider.capabilities.maxBatch));
      const results = await send(items);
      expect(results).toHaveLength(items.length);
      for (const { status } of results) expect(["ok", "handed"]).toContain(status);
      expect(sent()).toBe(items.length);
    });

    test("takes no messages and answers none", async () => {
      const { send, sent } = await start();
      expect(await send([])).toEqual([]);
      expect(sent()).toBe(0);
    });

    test("keeps batches apart that go at the same time", async () => {
      const { make, send, sent } = await start();
      const batches = [await make(3), await make(1, 10), await make(2, 20)];
      const results = await Promise.all(batches.map((items) => send(items)));
      expect(results.map(({ length }) => length)).toEqual([3, 1, 2]);
      expect(sent()).toBe(6);
    });

    test("sends nothing once the lease has ended or the sender was stopped", async () => {
      const { make, send, sent, monotonic } = await start();
      const items = await make(2);
      const late = await send(items, { deadline: monotonic() });
      const stopped = await send(items, { signal: AbortSignal.abort() });
      for (const result of [...late, ...stopped]) expectUntried(result);
      expect([late.length, stopped.length, sent()]).toEqual([2, 2, 0]);
    });
  });
}

function expectUntried({ status, reason, retryAfterMs = 0 }: ItemResult): void {
  expect(ITEM_STATUSES).toContain(status);
  expect(["retry", "throttled"]).toContain(status);
  expect(reason).toMatch(/\w/);
  expect(retryAfterMs).toBeGreaterThanOrEqual(0);
}
