import { describe, expect, test } from "vitest";
import type { CollectionPart, CollectionPlan } from "../../src/persistence/ports/collections.ts";
import { audience, expectError, type OpenStores, openFor, recipients } from "./open-stores.ts";

const PLAN: CollectionPlan = {
  source: { type: "condition", condition: { all: [{ tag: "x" }] }, variables: ["city"] },
  partitions: 4,
  now: 1_234,
};

const part = (partition: number, size: number): CollectionPart => {
  const excluded = { optedOut: 1, suppressed: 2, noAddress: 0 };
  return { partition, size, pages: 1, excluded, hash: "abc" };
};

const collecting = (id: string) => audience(id, { state: "collecting", source: PLAN.source });

/** What every `CollectionStore` must do. */
export function collectionStoreConformance(name: string, open: OpenStores): void {
  describe(`${name} keeps collections`, () => {
    test("a collection is open, with its audience and plan, until it is ended", async () => {
      const { collections, audiences } = await openFor(open);
      await collections.begin(collecting("a1"), PLAN);
      await collections.begin(collecting("a2"), PLAN);
      await expectError(collections.begin(collecting("a1"), PLAN), "store.conflict");
      expect(await audiences.read("a1")).toEqual(collecting("a1"));
      const ready = { ...collecting("a1"), state: "ready", size: 3 } as const;
      await collections.end(ready);
      await collections.end({ ...ready, size: 99 });
      expect(await audiences.read("a1")).toEqual(ready);
      expect(await collections.open()).toEqual([{ audience: collecting("a2"), plan: PLAN }]);
      await expectError(collections.end(collecting("a3")), "audience.unknown");
    });

    test("a part is written with its pages, once, and none after the end", async () => {
      const { collections, audiences } = await openFor(open);
      await collections.begin(collecting("a1"), PLAN);
      const pages = [{ partition: 2, k: 0, recipients: recipients(3) }];
      expect(await collections.addPart("a1", part(2, 3), pages)).toBe(true);
      const other = [{ partition: 2, k: 0, recipients: recipients(5, "other") }];
      expect(await collections.addPart("a1", part(2, 5), other)).toBe(true);
      expect(await collections.addPart("a1", part(0, 0), [])).toBe(true);
      expect(await collections.parts("a1")).toEqual([part(0, 0), part(2, 3)]);
      expect(await audiences.page("a1", { partition: 2, k: 0 })).toEqual(pages[0]);
      await collections.end({ ...collecting("a1"), state: "ready" });
      expect(await collections.parts("a1")).toEqual([]);
      expect(await collections.addPart("a1", part(3, 1), [])).toBe(false);
    });

    test("what is being collected is not what a dead node was being fed with", async () => {
      const { collections, audiences } = await openFor(open);
      await collections.begin(collecting("a1"), PLAN);
      expect(await audiences.failInterrupted("it died")).toBe(0);
      expect(await collections.open()).toHaveLength(1);
    });
  });
}
