import type { ItemResult, Provider } from "./provider.ts";

const DONE: ItemResult = Object.freeze({ status: "ok" });

/** A provider that sends nothing and says it did: for measuring, and for trying things out. */
export function nullProvider(): Provider {
  return {
    name: "null",
    capabilities: {
      maxBatch: 10_000,
      maxInFlight: 10_000,
      idempotency: "none",
      keyTtlMs: 0,
      receipts: "none",
      dryRun: true,
    },
    sendBatch: (items) => Promise.resolve(items.map(() => DONE)),
  };
}
