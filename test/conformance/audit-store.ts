import { describe, expect, test } from "vitest";
import type { AuditEntry } from "../../src/persistence/ports/audit.ts";
import { expectError, type OpenStores, openFor, readAll } from "./open-stores.ts";

const entry = (n: number): AuditEntry => ({
  by: "cli",
  action: "campaign.start",
  target: `c${n} ü`,
  outcome: "ok",
  requestId: `r${n}`,
  at: 1_700_000_000_000 - n,
});

/** What every `AuditStore` must do. */
export function auditStoreConformance(name: string, open: OpenStores): void {
  const start = async () => (await openFor(open)).audit;

  describe(`${name} records changes`, () => {
    test("entries are numbered as they come and listed newest first", async () => {
      const store = await start();
      for (const n of [1, 2, 3, 4, 5]) await store.append(entry(n));
      const all = await readAll((request) => store.list(request), 2);
      expect(all).toEqual([5, 4, 3, 2, 1].map((n) => ({ ...entry(n), seq: n })));
    });

    test("a page is followed by the older ones, also when newer have come since", async () => {
      const store = await start();
      for (const n of [1, 2, 3]) await store.append(entry(n));
      const { next } = await store.list({ limit: 1 });
      await store.append(entry(4));
      const { items } = await store.list({ after: next, limit: 10 });
      expect(items.map(({ seq }) => seq)).toEqual([2, 1]);
      await expectError(store.list({ after: "-1", limit: 1 }), "store.cursor");
    });

    test("a page is the last when nothing follows it, also when it is full", async () => {
      const store = await start();
      expect(await store.list({ limit: 2 })).toEqual({ items: [], next: undefined });
      for (const n of [1, 2]) await store.append(entry(n));
      expect((await store.list({ limit: 2 })).next).toBeUndefined();
    });

    test("a thousand entries at the same time are all there", async () => {
      const store = await start();
      await Promise.all(Array.from({ length: 1_000 }, (_, n) => store.append(entry(n))));
      const all = await readAll((request) => store.list(request), 300);
      expect(all.map(({ seq }) => seq)).toEqual([...Array(1_000).keys()].map((n) => 1_000 - n));
    });
  });
}
