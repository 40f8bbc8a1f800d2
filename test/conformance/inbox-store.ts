import { describe, expect, test } from "vitest";
import { emptyLedger, ledgerGap, type Outcome } from "../../src/core/ledger.ts";
import { seededRandom } from "../../src/core/random.ts";
import {
  type InboxStore,
  type NewInboxItem,
  READ_BYTES_MAX,
} from "../../src/persistence/ports/inbox.ts";
import { clockAt, type OpenOptions, type OpenStores, openFor } from "./open-stores.ts";

const item = (id: string, overrides: Partial<NewInboxItem> = {}): NewInboxItem => ({
  user: "u1",
  id,
  ledger: "push",
  topic: "news",
  payload: `{"id":"${id}"}`,
  ack: true,
  expiresAt: 10_000,
  ...overrides,
});

const items = (ids: readonly string[], overrides: Partial<NewInboxItem> = {}) =>
  ids.map((id) => item(id, overrides));

/** What every `InboxStore` must do. */
export function inboxStoreConformance(name: string, open: OpenStores): void {
  const start: Start = async (options = {}) => (await openFor(open, options)).inbox;

  appendConformance(name, start);
  settleConformance(name, start);
  boundConformance(name, start);
  ledgerConformance(name, start);
}

type Start = (options?: Partial<OpenOptions>) => Promise<InboxStore>;

async function inboxOf(store: InboxStore, user = "u1", now = 0) {
  const [inbox] = await store.read([user], now);
  return { ...inbox!, ids: inbox!.items.map(({ id }) => id) };
}

function appendConformance(name: string, start: Start): void {
  describe(`${name} keeps what waits for users`, () => {
    test("each user's items are numbered from 1 and read back as they were given", async () => {
      const store = await start();
      const [first, second, third] = [
        item("m1", { payload: '"東京 🎉 \u0000"', ack: false, expiresAt: Number.MAX_SAFE_INTEGER }),
        item("m2", { user: "ü2", topic: "a b" }),
        item("m3"),
      ];
      const appended = await store.append([first, second, third]);
      expect(appended).toEqual([1, 1, 2].map((offset) => ({ offset, fresh: true })));
      expect(await store.read(["ü2", "nobody", "u1"], 0)).toEqual([
        { user: "ü2", head: 1, forgotten: 0, items: [{ ...second, offset: 1 }] },
        { user: "nobody", head: 0, forgotten: 0, items: [] },
        {
          user: "u1",
          head: 2,
          forgotten: 0,
          items: [
            { ...first, offset: 1 },
            { ...third, offset: 2 },
          ],
        },
      ]);
    });

    test("appending an id again is not a second message, in one call or several", async () => {
      const store = await start();
      await store.append(items(["m1", "m2"]));
      const again = await store.append(items(["m2", "m3", "m3", "m1"]));
      expect(again).toEqual([
        { offset: 2, fresh: false },
        { offset: 3, fresh: true },
        { offset: 3, fresh: false },
        { offset: 1, fresh: false },
      ]);
      expect(await inboxOf(store)).toMatchObject({ head: 3, ids: ["m1", "m2", "m3"] });
      expect(await store.ledger("push")).toEqual({ ...emptyLedger, accepted: 3, pending: 3 });
    });

    test("appends at the same time share out offsets, and an id is fresh for one", async () => {
      const store = await start();
      const calls = Array.from({ length: 20 }, (_, n) => store.append(items(["same", `m${n}`])));
      const results = await Promise.all(calls);
      expect(results.filter(([same]) => same!.fresh)).toHaveLength(1);
      const offsets = new Set(results.map(([, own]) => own!.offset));
      expect(offsets.size).toBe(20);
      expect(await inboxOf(store)).toMatchObject({ head: 21 });
    });

    test("an id is recognised after its item is settled, until it is purged", async () => {
      const store = await start();
      await store.append([item("m1")]);
      await store.settle([{ user: "u1", offset: 1, outcome: "acked" }], 500);
      expect(await store.append([item("m1")])).toEqual([{ offset: 1, fresh: false }]);
      expect(await inboxOf(store)).toMatchObject({ items: [] });
      expect(await store.purge(500, 10)).toBe(0);
      expect(await store.purge(501, 10)).toBe(1);
      expect(await store.append([item("m1")])).toEqual([{ offset: 2, fresh: true }]);
    });

    test("who asks for an id is told where it waits, and how it ended", async () => {
      const store = await start({ inboxPerUserMax: 2 });
      expect(await store.fate("m1")).toBeUndefined();
      await store.append(items(["m1", "m2", "m3"]));
      expect(await store.fate("m1")).toMatchObject({ offset: 1, settled: { outcome: "shed" } });
      expect(await store.fate("m2")).toEqual({ offset: 2, settled: undefined });
      await store.settle([{ user: "u1", offset: 2, outcome: "acked" }], 500);
      await store.expire(20_000, 10);
      expect(await store.fate("m2")).toEqual({ offset: 2, settled: { outcome: "acked", at: 500 } });
      const expired = { outcome: "expired", at: 20_000 };
      expect(await store.fate("m3")).toEqual({ offset: 3, settled: expired });
      await store.purge(501, 10);
      expect(await store.fate("m2")).toBeUndefined();
    });

    test("the items of one sender's id are told by its beginning, a page at a time", async () => {
      const store = await start();
      const ids = ["p:0:\u{1f600}", "p:0:b", "p:0:\uff5e", "p:1:a", "p;", "p", "o:0:a"];
      await store.append(items(ids));
      await store.settle([{ user: "u1", offset: 2, outcome: "acked" }], 500);
      const found = await store.fates("p:", { after: "", limit: 10 });
      // By code points, whatever the units of UTF-16 would say.
      expect(found.map(({ id }) => id)).toEqual(["p:0:b", "p:0:\uff5e", "p:0:\u{1f600}", "p:1:a"]);
      expect(found[0]).toMatchObject({ offset: 2, settled: { outcome: "acked", at: 500 } });
      expect(found[1]).toEqual({ id: "p:0:\uff5e", offset: 3, settled: undefined });
      const next = await store.fates("p:", { after: "p:0:\uff5e", limit: 1 });
      expect(next.map(({ id }) => id)).toEqual(["p:0:\u{1f600}"]);
      expect(await store.fates("q:", { after: "", limit: 10 })).toEqual([]);
    });

    test("a purge takes the longest settled first, at most the limit", async () => {
      const store = await start();
      await store.append(items(["m1", "m2", "m3", "m4"]));
      for (const [offset, at] of [
        [1, 300],
        [2, 100],
        [3, 200],
      ] as const) {
        await store.settle([{ user: "u1", offset, outcome: "acked" }], at);
      }
      expect(await store.purge(1_000, 2)).toBe(2);
      const again = await store.append(items(["m1", "m2", "m3", "m4"]));
      expect(again.map(({ fresh }) => fresh)).toEqual([false, true, true, false]);
      expect(await store.purge(1_000, 2)).toBe(1);
    });

    test("an offset is never used twice, also when everything is settled and purged", async () => {
      const store = await start();
      await store.append(items(["m1", "m2"]));
      const both = [1, 2].map((offset) => ({ user: "u1", offset, outcome: "acked" }) as const);
      await store.settle(both, 1);
      await store.purge(2, 10);
      expect(await store.append([item("m3")])).toEqual([{ offset: 3, fresh: true }]);
    });

    test("payloads of a megabyte and calls with thousands of items work", async () => {
      const store = await start({ inboxPerUserMax: 10_000 });
      const big = item("big", { payload: JSON.stringify("é🎉".repeat(200_000)) });
      await store.append([big]);
      await store.append(items(Array.from({ length: 5_000 }, (_, n) => `m${n}`)));
      const inbox = await inboxOf(store);
      expect(inbox.items[0]).toEqual({ ...big, offset: 1 });
      expect(inbox.items).toHaveLength(5_001);
      expect(inbox.items.map(({ offset }) => offset)).toEqual(
        [...Array(5_001).keys()].map((n) => n + 1),
      );
    });
  });
}

function settleConformance(name: string, start: Start): void {
  describe(`${name} settles what waited`, () => {
    test("an item is settled once, whoever says it first", async () => {
      const store = await start();
      await store.append(items(["m1", "m2"]));
      const acked = { user: "u1", offset: 1, outcome: "acked" } as const;
      const absent = [
        { ...acked, user: "u2" },
        { ...acked, offset: 9 },
      ];
      const counts = await Promise.all([
        store.settle([acked, { ...acked, outcome: "shed" }, ...absent], 1),
        store.settle([acked], 1),
        store.settle([], 1),
      ]);
      expect(counts).toEqual([1, 0, 0]);
      expect(await inboxOf(store)).toMatchObject({ ids: ["m2"] });
      const ledger = { ...emptyLedger, accepted: 2, acked: 1, pending: 1 };
      expect(await store.ledger("push")).toEqual(ledger);
    });

    test.each([
      ["delivered", 2],
      ["shed", 2],
      ["unknown", 2],
      ["acked", 0],
      ["expired", 0],
    ] as const)("what ends as %s leaves forgotten at %i", async (outcome, forgotten) => {
      const store = await start();
      await store.append(items(["m1", "m2", "m3"]));
      await store.settle([{ user: "u1", offset: 2, outcome }], 1);
      expect(await inboxOf(store)).toMatchObject({ head: 3, forgotten, ids: ["m1", "m3"] });
      await store.settle([{ user: "u1", offset: 1, outcome: "delivered" }], 1);
      expect(await inboxOf(store)).toMatchObject({ forgotten: Math.max(forgotten, 1) });
    });

    test("an item is shown until its time has passed, and then expires", async () => {
      const store = await start();
      await store.append([item("m1", { expiresAt: 100 }), item("m2", { expiresAt: 200 })]);
      expect((await inboxOf(store, "u1", 99)).ids).toEqual(["m1", "m2"]);
      expect((await inboxOf(store, "u1", 100)).ids).toEqual(["m2"]);
      expect(await store.expire(99, 10)).toBe(0);
      expect(await store.expire(100, 10)).toBe(1);
      expect(await store.expire(100, 10)).toBe(0);
      const ledger = { ...emptyLedger, accepted: 2, expired: 1, pending: 1 };
      expect(await store.ledger("push")).toEqual(ledger);
    });

    test("expiry takes the longest expired first and at most the limit", async () => {
      const store = await start();
      const due = [300, 100, 200].map((expiresAt, n) => item(`m${n}`, { expiresAt }));
      await store.append(due);
      expect(await store.expire(1_000, 2)).toBe(2);
      expect((await inboxOf(store)).ids).toEqual(["m0"]);
      expect(await store.expire(1_000, 2)).toBe(1);
    });
  });
}

function boundConformance(name: string, start: Start): void {
  describe(`${name} bounds each user's inbox`, () => {
    test("over the limit the oldest are shed, counted and forgotten", async () => {
      const store = await start({ inboxPerUserMax: 3 });
      await store.append(items(["m1", "m2", "m3"]));
      await store.append([...items(["m4", "m5"]), item("o1", { user: "u2" })]);
      expect(await inboxOf(store)).toMatchObject({
        head: 5,
        forgotten: 2,
        ids: ["m3", "m4", "m5"],
      });
      expect(await inboxOf(store, "u2")).toMatchObject({ forgotten: 0, ids: ["o1"] });
      const ledger = { ...emptyLedger, accepted: 6, shed: 2, pending: 4 };
      expect(await store.ledger("push")).toEqual(ledger);
    });

    test("over the limit in bytes the oldest are shed until what is left fits", async () => {
      const store = await start({ inboxPerUserBytesMax: 100 });
      const sized = (id: string, bytes: number) =>
        item(id, { payload: `"${"é".repeat(bytes / 2 - 1)}"` });
      await store.append([sized("m1", 40), sized("m2", 20), sized("m3", 40)]);
      expect(await inboxOf(store)).toMatchObject({ forgotten: 0, ids: ["m1", "m2", "m3"] });
      await store.append([sized("m4", 10)]);
      expect(await inboxOf(store)).toMatchObject({ forgotten: 1, ids: ["m2", "m3", "m4"] });
      await store.settle([{ user: "u1", offset: 2, outcome: "acked" }], 1);
      await store.append([sized("m5", 50)]);
      expect(await inboxOf(store)).toMatchObject({ forgotten: 1, ids: ["m3", "m4", "m5"] });
      const ledger = { ...emptyLedger, accepted: 5, shed: 1, acked: 1, pending: 3 };
      expect(await store.ledger("push")).toEqual(ledger);
    });

    test("the newest item stays, however large it is", async () => {
      const store = await start({ inboxPerUserBytesMax: 100 });
      const payload = `"${"x".repeat(500)}"`;
      await store.append([item("m1"), item("m2", { payload }), item("m3", { payload })]);
      expect(await inboxOf(store)).toMatchObject({ head: 3, forgotten: 2, ids: ["m3"] });
      await store.append([item("m4")]);
      expect(await inboxOf(store)).toMatchObject({ head: 4, forgotten: 3, ids: ["m4"] });
    });

    test("of many large inboxes only the first are read at once", async () => {
      const store = await start();
      const users = ["u1", "u2", "u3"];
      const payload = `"${"x".repeat(READ_BYTES_MAX / 2)}"`;
      await store.append(users.map((user) => item(user, { user, payload })));
      const usersOf = async (asked: readonly string[]) =>
        (await store.read(asked, 0)).map(({ user, items: found }) => [user, found.length]);
      expect(await usersOf(["u0", ...users])).toEqual([
        ["u0", 0],
        ["u1", 1],
        ["u2", 1],
      ]);
      expect(await usersOf(["u3"])).toEqual([["u3", 1]]);
    });

    test("one append over the limit sheds its own first items, each in its ledger", async () => {
      const store = await start({ inboxPerUserMax: 2 });
      await store.append([item("m1", { ledger: "campaign:c1:1" }), ...items(["m2", "m3", "m4"])]);
      expect(await inboxOf(store)).toMatchObject({ forgotten: 2, ids: ["m3", "m4"] });
      const ofCampaign = { ...emptyLedger, accepted: 1, shed: 1 };
      expect(await store.ledger("campaign:c1:1")).toEqual(ofCampaign);
    });

    test("settled items make room, and a repeated id takes none", async () => {
      const store = await start({ inboxPerUserMax: 2 });
      await store.append(items(["m1", "m2"]));
      await store.settle([{ user: "u1", offset: 1, outcome: "acked" }], 1);
      await store.append(items(["m3"]));
      await store.append(items(["m1", "m2", "m3"]));
      expect(await inboxOf(store)).toMatchObject({ forgotten: 0, ids: ["m2", "m3"] });
    });

    test("a shed id is remembered from the time of the append on", async () => {
      const store = await start({ inboxPerUserMax: 1, clock: clockAt(700) });
      await store.append(items(["m1", "m2"]));
      expect(await store.append([item("m1")])).toEqual([{ offset: 1, fresh: false }]);
      expect(await store.purge(700, 10)).toBe(0);
      expect(await store.purge(701, 10)).toBe(1);
    });
  });
}

function ledgerConformance(name: string, start: Start): void {
  const outcomes: readonly Outcome[] = ["delivered", "acked", "expired", "shed", "unknown"];

  describe(`${name} accounts for every message`, () => {
    test("a ledger that has never been used is empty", async () => {
      const store = await start();
      expect(await store.ledger("push")).toEqual(emptyLedger);
      expect(await store.ledgerOfAll()).toEqual(emptyLedger);
    });

    test("each outcome is counted in the ledger of its item, and all add up", async () => {
      const store = await start();
      const ledgers = ["push", "campaign:c1:1"];
      for (const ledger of ledgers) {
        const ids = [...outcomes, "left"].map((outcome) => `${ledger}-${outcome}`);
        await store.append(items(ids, { user: ledger, ledger }));
        const all = outcomes.map((outcome, n) => ({ user: ledger, offset: n + 1, outcome }));
        await store.settle(all, 1);
      }
      const one = { accepted: 6, delivered: 1, acked: 1, expired: 1, shed: 1, unknown: 1 };
      for (const ledger of ledgers) {
        expect(await store.ledger(ledger)).toEqual({ ...one, pending: 1 });
      }
      const sum = await store.ledgerOfAll();
      expect(sum).toMatchObject({ accepted: 12, acked: 2, pending: 2 });
      expect(ledgerGap(sum)).toBe(0);
    });

    test.each([1, 2, 3])("the equation holds after random steps (seed %i)", async (seed) => {
      const store = await start({ inboxPerUserMax: 4 });
      const random = seededRandom(seed);
      const below = (max: number) => Math.floor(random() * max);
      const ledgers = ["push", "campaign:c1:1", "campaign:c1:2"];
      for (let round = 0; round < 100; round += 1) {
        const user = `u${below(5)}`;
        const batch = Array.from({ length: below(6) }, () =>
          item(`m${below(300)}`, {
            user: `u${below(5)}`,
            ledger: ledgers[below(3)]!,
            expiresAt: below(200),
          }),
        );
        await Promise.all([
          store.append(batch),
          store.settle([{ user, offset: below(30), outcome: outcomes[below(5)]! }], round),
          below(4) === 0 ? store.expire(round, below(5)) : store.purge(round - 50, 2),
        ]);
        const each = await Promise.all(ledgers.map((ledger) => store.ledger(ledger)));
        expect(each.map(ledgerGap)).toEqual([0, 0, 0]);
        const inboxes = await store.read(["u0", "u1", "u2", "u3", "u4"], -1);
        for (const inbox of inboxes) expect(inbox.items.length).toBeLessThanOrEqual(4);
        const all = await store.ledgerOfAll();
        expect(all.pending).toBe(inboxes.reduce((sum, inbox) => sum + inbox.items.length, 0));
        expect(all.accepted).toBe(each.reduce((sum, { accepted }) => sum + accepted, 0));
      }
    });
  });
}
