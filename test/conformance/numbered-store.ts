import { describe, expect, test } from "vitest";
import { type OpenStores, openFor } from "./open-stores.ts";

/** What every `NumberedStore` must do. */
export function numberedStoreConformance(name: string, open: OpenStores): void {
  const start = async () => (await openFor(open)).numbered;

  describe(`${name} numbers records`, () => {
    test("each kind counts for itself, from 100 000 on", async () => {
      const store = await start();
      expect(await store.add("a", "1")).toBe(100_000);
      expect(await store.add("a", "2")).toBe(100_001);
      expect(await store.add("b", '"ü"')).toBe(100_000);
      expect(await store.read("b", 100_000)).toEqual({ id: 100_000, version: 1, body: '"ü"' });
      expect(await store.read("b", 100_001)).toBeUndefined();
    });

    test("adds at the same time get different numbers", async () => {
      const store = await start();
      const ids = await Promise.all(Array.from({ length: 50 }, () => store.add("a", "x")));
      expect(new Set(ids).size).toBe(50);
    });

    test("of two changes of one version one wins", async () => {
      const store = await start();
      const id = await store.add("a", "1");
      const changes = ["2", "3"].map((body) => store.replace("a", { id, version: 1, body }));
      expect((await Promise.all(changes)).sort()).toEqual([false, true]);
      expect((await store.read("a", id))?.version).toBe(2);
      expect(await store.replace("a", { id: 5, version: 1, body: "x" })).toBe(false);
    });

    test("a list is the newest first, by place, with the sum", async () => {
      const store = await start();
      for (const body of ["1", "2", "3"]) await store.add("a", body);
      const { items, total } = await store.list("a", { offset: 1, limit: 1 });
      expect([items.map(({ body }) => body), total]).toEqual([["2"], 3]);
      expect(await store.list("b", { offset: 0, limit: 9 })).toEqual({ items: [], total: 0 });
    });
  });
}
