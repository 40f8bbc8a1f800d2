import { expect, onTestFinished } from "vitest";
import type { Clock } from "../../src/core/clock.ts";
import { type ErrorCode, RuntimeError } from "../../src/core/errors.ts";
import type {
  Audience,
  PageOf,
  PageRequest,
  Recipient,
} from "../../src/persistence/ports/audience.ts";
import type { Campaign } from "../../src/persistence/ports/campaign.ts";
import type { Stores } from "../../src/persistence/ports/stores.ts";

export interface OpenOptions {
  readonly inboxPerUserMax: number;
  readonly inboxPerUserBytesMax?: number;
  readonly clock: Clock;
}

/** How an adapter opens empty stores. The suites close them. */
export type OpenStores = (options: OpenOptions) => Promise<Stores>;

/** A clock that stands still. */
export function clockAt(now: number): Clock {
  return { now: () => now, monotonic: () => now, after: () => () => {} };
}

/** Empty stores for one test, closed when it ends. */
export async function openFor(
  open: OpenStores,
  options: Partial<OpenOptions> = {},
): Promise<Stores> {
  const stores = await open({ inboxPerUserMax: 100, clock: clockAt(1_000), ...options });
  onTestFinished(() => stores.close());
  return stores;
}

export async function expectError(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RuntimeError);
  expect((error as RuntimeError).code).toBe(code);
}

/** All items of a list, read `limit` at a time. */
export async function readAll<T>(
  list: (request: PageRequest) => Promise<PageOf<T>>,
  limit: number,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await list({ after, limit });
    expect(items.length).toBeLessThanOrEqual(limit);
    all.push(...items);
    after = next;
  } while (after !== undefined);
  return all;
}

export function audience(id: string, overrides: Partial<Audience> = {}): Audience {
  return {
    id,
    name: `audience ${id}`,
    state: "started",
    by: "cli",
    why: "it is being imported",
    changedAt: 1_700_000_000_000,
    epoch: 1,
    createdAt: 1_700_000_000_000,
    size: 0,
    pages: 0,
    pageSize: 1_000,
    partitions: 1,
    lines: 0,
    duplicates: 0,
    invalid: 0,
    hash: "",
    ...overrides,
  };
}

export function campaign(id: string, overrides: Partial<Campaign> = {}): Campaign {
  return {
    id,
    name: `campaign ${id}`,
    audience: "a1",
    provider: "null",
    topic: "news",
    payload: { title: "Hello {{name|you}}", nested: { list: [1, null, "zwei", true] } },
    ack: true,
    ttlMs: 3_600_000,
    rate: 0,
    workers: 4,
    window: 200,
    inFlight: 2,
    guarantee: "at-least-once",
    state: "ready",
    why: "created",
    epoch: 0,
    version: 1,
    run: { resumedAt: 0, canary: "none" },
    createdAt: 1_700_000_000_000,
    changedAt: 1_700_000_000_000,
    ...overrides,
  };
}

export function recipients(count: number, prefix = "m"): Recipient[] {
  return Array.from({ length: count }, (_, index) => ({
    member: `${prefix}-${index}`,
    vars: { name: `Name ${index}` },
  }));
}
