import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/core/random.ts";
import { type ItemRef, RECEIPT_STATUSES } from "../../src/core/receipt.ts";
import type { Receipt, ReceiptStore } from "../../src/persistence/ports/receipts.ts";
import { type OpenStores, openFor } from "./open-stores.ts";

const PAGE = { campaign: "c1", epoch: 2, partition: 3, k: 4 };
const itemAt = (index: number): ItemRef => ({ ...PAGE, index });
const idAt = (index: number): string => `c1:2:3/4:${index}`;

const receipt = (message: string, changes: Partial<Receipt> = {}): Receipt => ({
  ...{ provider: "crm", message, part: 0, status: "delivered", at: 100, reason: "" },
  ...changes,
});

const none = { accepted: 0, failed: 0, delivered: 0, opened: 0, clicked: 0 };

/** What every `ReceiptStore` must do. */
export function receiptStoreConformance(name: string, open: OpenStores): void {
  const start = async (): Promise<ReceiptStore> => (await openFor(open)).receipts;

  rankConformance(name, start);
  matchConformance(name, start);
}

function rankConformance(name: string, start: () => Promise<ReceiptStore>): void {
  describe(`${name} keeps the highest of what is told of a message`, () => {
    test("a receipt with an item's id is that item's", async () => {
      const store = await start();
      const told = receipt(idAt(7), { status: "failed", reason: "ü blocked" });
      expect(await store.apply([told], 1)).toEqual(["applied"]);
      expect(await store.ofItem(itemAt(7))).toEqual([told]);
      expect(await store.ofPage("crm", PAGE)).toEqual([{ index: 7, status: "failed", at: 100 }]);
      expect(await store.counts("c1", 2)).toEqual({ ...none, failed: 1 });
    });

    test("the same again tells nothing, in one call or in several", async () => {
      const store = await start();
      const told = receipt(idAt(1));
      expect(await store.apply([told, told], 1)).toEqual(["applied", "repeated"]);
      const again = await Promise.all([store.apply([told], 2), store.apply([told], 3)]);
      expect(again).toEqual([["repeated"], ["repeated"]]);
      expect(await store.counts("c1", 2)).toEqual({ ...none, delivered: 1 });
    });

    test("a lower rank does not undo a higher one", async () => {
      const store = await start();
      const outcomes = await store.apply(
        (["accepted", "delivered", "failed", "clicked", "opened"] as const).map((status, n) =>
          receipt(idAt(1), { status, at: 100 + n }),
        ),
        1,
      );
      expect(outcomes).toEqual(["applied", "applied", "repeated", "applied", "repeated"]);
      expect(await store.ofPage("crm", PAGE)).toEqual([{ index: 1, status: "clicked", at: 103 }]);
      expect(await store.counts("c1", 2)).toEqual({ ...none, clicked: 1 });
    });

    test("of the same rank the earlier counts, then the smaller reason", async () => {
      const store = await start();
      const failed = (at: number, reason: string) =>
        receipt(idAt(1), { status: "failed", at, reason });
      for (const it of [failed(100, "m"), failed(90, "z"), failed(90, "a"), failed(95, "")]) {
        await store.apply([it], 1);
      }
      expect(await store.ofItem(itemAt(1))).toEqual([failed(90, "a")]);
    });

    test("parts and providers are apart, and a page shows the best part of each item", async () => {
      const store = await start();
      await store.apply(
        [
          receipt(idAt(5), { part: 1, status: "accepted", at: 10 }),
          receipt(idAt(5), { part: 0, status: "delivered", at: 30 }),
          receipt(idAt(5), { part: 2, status: "delivered", at: 20 }),
          receipt(idAt(2), { provider: "other", status: "opened" }),
          receipt("c1:2:3/5:2"),
          receipt("c1:1:3/4:2"),
        ],
        1,
      );
      expect(await store.ofPage("crm", PAGE)).toEqual([{ index: 5, status: "delivered", at: 20 }]);
      const parts = (await store.ofItem(itemAt(5))).map(({ part }) => part);
      expect(parts).toEqual([0, 1, 2]);
      expect(await store.counts("c1", 2)).toEqual({
        ...none,
        accepted: 1,
        delivered: 3,
        opened: 1,
      });
      expect(await store.ofPage("nobody", PAGE)).toEqual([]);
      expect(await store.ofItem(itemAt(6))).toEqual([]);
      expect(await store.counts("c9", 1)).toEqual(none);
    });

    test.each([1, 2, 3])("the order does not matter (seed %i)", async (seed) => {
      const random = seededRandom(seed);
      const below = (max: number) => Math.floor(random() * max);
      const all = Array.from({ length: 150 }, () =>
        receipt(idAt(below(8)), {
          part: below(2),
          status: RECEIPT_STATUSES[below(5)]!,
          at: below(4),
          reason: ["", "a", "ü"][below(3)]!,
        }),
      );
      const stateOf = async (receipts: readonly Receipt[]) => {
        const store = await start();
        while (receipts.length > 0) {
          const size = 1 + below(20);
          await store.apply(receipts.slice(0, size), below(100));
          receipts = receipts.slice(size);
        }
        const items = await Promise.all([...Array(8).keys()].map((n) => store.ofItem(itemAt(n))));
        return [items, await store.ofPage("crm", PAGE), await store.counts("c1", 2)];
      };
      const shuffled = all
        .flatMap((it) => [it, it])
        .map((it) => ({ it, order: random() }))
        .sort((a, b) => a.order - b.order)
        .map(({ it }) => it);
      expect(await stateOf(shuffled)).toEqual(await stateOf(all));
    });
  });
}

function matchConformance(name: string, start: () => Promise<ReceiptStore>): void {
  describe(`${name} finds out whose a receipt is`, () => {
    const message = { provider: "crm", message: "p-1", item: itemAt(1) };

    test("a message that was registered is its item's", async () => {
      const store = await start();
      expect(await store.register([message], 1)).toBe(0);
      expect(await store.apply([receipt("p-1")], 2)).toEqual(["applied"]);
      expect(await store.ofPage("crm", PAGE)).toEqual([{ index: 1, status: "delivered", at: 100 }]);
    });

    test("a receipt that came first waits for its message, with all its parts", async () => {
      const store = await start();
      const early = [receipt("p-1"), receipt("p-1", { part: 1, status: "accepted" })];
      expect(await store.apply([...early, receipt("p-2")], 1)).toEqual(Array(3).fill("unmatched"));
      expect(await store.apply([early[0]!], 1)).toEqual(["repeated"]);
      expect(await store.counts("c1", 2)).toEqual(none);
      const better = receipt("p-1", { status: "opened" });
      expect(await store.apply([better], 1)).toEqual(["unmatched"]);
      expect(await store.register([message], 2)).toBe(2);
      expect(await store.register([message], 2)).toBe(0);
      expect(await store.ofItem(itemAt(1))).toEqual([better, early[1]]);
      expect(await store.counts("c1", 2)).toEqual({ ...none, opened: 1, accepted: 1 });
    });

    test("a message keeps its first item, and each provider has its own", async () => {
      const store = await start();
      await store.register([message, { ...message, item: itemAt(9) }], 1);
      await store.register([{ ...message, provider: "other", item: itemAt(8) }], 1);
      await store.apply([receipt("p-1"), receipt("p-1", { provider: "other" })], 1);
      expect(await store.ofPage("crm", PAGE)).toMatchObject([{ index: 1 }]);
      expect(await store.ofPage("other", PAGE)).toMatchObject([{ index: 8 }]);
    });

    test.each(["", "p-1", "c1", "c1:2:3/4", "c1:2:3/4:x", "c1:2:3/04:5", "a b:2:3/4:5"])(
      "%j is no item's id",
      async (text) => {
        const store = await start();
        expect(await store.apply([receipt(text)], 1)).toEqual(["unmatched"]);
      },
    );

    test("what nobody claims is forgotten, the oldest first; what was matched is not", async () => {
      const store = await start();
      await store.apply([receipt("late"), receipt(idAt(1))], 100);
      await store.apply([receipt("later")], 200);
      await store.register([{ ...message, message: "later" }], 400);
      await store.apply([receipt("latest")], 300);
      expect(await store.purge(100, 10)).toBe(0);
      expect(await store.purge(1_000, 1)).toBe(2);
      expect(await store.purge(1_000, 10)).toBe(1);
      expect(await store.ofPage("crm", PAGE)).toEqual([{ index: 1, status: "delivered", at: 100 }]);
      expect(await store.apply([receipt("late"), receipt("later")], 1)).toEqual([
        "unmatched",
        "repeated",
      ]);
    });

    test("thousands at once work", async () => {
      const store = await start();
      const many = Array.from({ length: 5_000 }, (_, n) => receipt(`p-${n}`));
      await store.apply(many, 1);
      const named = many.map(({ provider, message: it }, n) => ({
        ...{ provider, message: it, item: itemAt(n) },
      }));
      expect(await store.register(named, 2)).toBe(5_000);
      expect(await store.ofPage("crm", PAGE)).toHaveLength(5_000);
      expect(await store.counts("c1", 2)).toEqual({ ...none, delivered: 5_000 });
    });
  });
}
