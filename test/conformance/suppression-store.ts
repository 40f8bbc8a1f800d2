import { describe, expect, test } from "vitest";
import type { Suppression } from "../../src/persistence/ports/suppressions.ts";
import { expectError, type OpenStores, openFor, readAll } from "./open-stores.ts";

const entry = (value: string, overrides: Partial<Suppression> = {}): Suppression => {
  return { kind: "address", value, why: "no such number", by: "provider:sms", at: 1, ...overrides };
};

/** What every `SuppressionStore` must do. */
export function suppressionStoreConformance(name: string, open: OpenStores): void {
  describe(`${name} keeps suppressions`, () => {
    test("an entry is added once: the first reason stays", async () => {
      const { suppressions } = await openFor(open);
      expect(await suppressions.suppress([entry("a"), entry("b"), entry("a")])).toBe(2);
      expect(await suppressions.suppress([entry("a", { why: "another", at: 9 })])).toBe(0);
      expect(await suppressions.read("address", "a")).toEqual(entry("a"));
      expect(await suppressions.read("member", "a")).toBeUndefined();
    });

    test("a lifted entry is gone and may be added again", async () => {
      const { suppressions } = await openFor(open);
      await suppressions.suppress([entry("a")]);
      expect(await suppressions.unsuppress("member", "a")).toBe(false);
      expect(await suppressions.unsuppress("address", "a")).toBe(true);
      expect(await suppressions.unsuppress("address", "a")).toBe(false);
      expect(await suppressions.read("address", "a")).toBeUndefined();
      expect(await suppressions.suppress([entry("a", { why: "again" })])).toBe(1);
      expect((await suppressions.read("address", "a"))?.why).toBe("again");
    });

    test("the list is newest first, without what was lifted", async () => {
      const { suppressions } = await openFor(open);
      await suppressions.suppress(["a", "b", "c", "d"].map((value) => entry(value)));
      await suppressions.unsuppress("address", "c");
      const all = await readAll((request) => suppressions.list(request), 2);
      expect(all).toEqual([entry("d"), entry("b"), entry("a")]);
      await expectError(suppressions.list({ after: "x", limit: 1 }), "store.cursor");
    });
  });
}
