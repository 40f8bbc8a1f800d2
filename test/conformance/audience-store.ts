import { describe, expect, test } from "vitest";
import type { LineError, Page } from "../../src/persistence/ports/audience.ts";
import {
  audience,
  expectError,
  type OpenStores,
  openFor,
  readAll,
  recipients,
} from "./open-stores.ts";

const lineError = (line: number): LineError => ({
  line,
  field: "member",
  expected: "a name",
  got: `"${line}"`,
});

/** What every `AudienceStore` must do. */
export function audienceStoreConformance(name: string, open: OpenStores): void {
  const start = async () => (await openFor(open)).audiences;

  describe(`${name} keeps audiences`, () => {
    test("an audience is read back as created, and an unknown one is undefined", async () => {
      const store = await start();
      const made = audience("a1", { name: "Zürich 東京 🎉\u0000", size: Number.MAX_SAFE_INTEGER });
      await store.create(made);
      expect(await store.read("a1")).toEqual(made);
      expect(await store.read("a2")).toBeUndefined();
    });

    test("an id can be taken once, also by callers at the same time", async () => {
      const store = await start();
      const tries = Array.from({ length: 8 }, (_, n) => store.create(audience("a1", { size: n })));
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      await expectError(store.create(audience("a1")), "store.conflict");
    });

    test("an update replaces the record, and one of an unknown audience is refused", async () => {
      const store = await start();
      await store.create(audience("a1"));
      await store.update(audience("a1", { state: "finished", hash: "abc" }));
      expect(await store.read("a1")).toMatchObject({ state: "finished", hash: "abc" });
      await expectError(store.update(audience("a2")), "audience.unknown");
    });

    test("the log has every state that it came into, and nothing else", async () => {
      const store = await start();
      await store.create(audience("a1", { by: "me", why: "new", changedAt: 1 }));
      await store.update(audience("a1", { by: "me", why: "new", changedAt: 1, lines: 7 }));
      const done = { state: "finished", by: "system", why: "done", changedAt: 2 } as const;
      await store.update(audience("a1", done));
      const first = { from: "started", to: "started", epoch: 1, by: "me", why: "new", at: 1 };
      const second = {
        from: "started",
        to: "finished",
        epoch: 1,
        by: "system",
        why: "done",
        at: 2,
      };
      expect(await readAll((request) => store.log("a1", request), 1)).toEqual([first, second]);
      expect((await store.log("a2", { limit: 9 })).items).toEqual([]);
      await expectError(store.log("a1", { after: "x", limit: 2 }), "store.cursor");
    });

    test("a partition's pages are told in runs of one time zone", async () => {
      const store = await start();
      await store.create(audience("a1"));
      const zones = ["", "", "Asia/Tokyo", "Europe/Paris", "Europe/Paris", "Europe/Paris"];
      const pages = zones.map((zone, k) => ({
        ...{ partition: 3, k, zone, recipients: recipients(1, `z${k}`) },
      }));
      await store.seal("a1", 3, pages);
      expect(await store.runs("a1", 3)).toEqual([
        { zone: "", first: 0, pages: 2 },
        { zone: "Asia/Tokyo", first: 2, pages: 1 },
        { zone: "Europe/Paris", first: 3, pages: 3 },
      ]);
      expect(await store.runs("a1", 2)).toEqual([]);
    });

    test("the list is newest first, and its pages fit while others are added", async () => {
      const store = await start();
      for (const n of [1, 2, 3, 4, 5]) await store.create(audience(`a${n}`, { createdAt: n }));
      const ids = async (after: string | undefined, limit: number) => {
        const { items, next } = await store.list({ after, limit });
        return { ids: items.map(({ id }) => id), next };
      };
      const first = await ids(undefined, 2);
      await store.create(audience("a6", { createdAt: 6 }));
      const second = await ids(first.next, 2);
      const third = await ids(second.next, 2);
      expect([first.ids, second.ids, third.ids]).toEqual([["a5", "a4"], ["a3", "a2"], ["a1"]]);
      expect(third.next).toBeUndefined();
      await expectError(store.list({ after: "a5", limit: 2 }), "store.cursor");
    });

    test("what a dead node left importing fails, and only that", async () => {
      const store = await start();
      await store.create(audience("a1"));
      await store.create(audience("a2", { state: "finished" }));
      await store.create(audience("a3"));
      await store.spill("a1", [{ partition: 0, recipients: recipients(3) }]);
      const source = { type: "union", audiences: ["a1", "a2"] } as const;
      await store.create(audience("a4", { source }));
      const why = 'the node "x" died';
      expect(await store.failInterrupted({ why, at: 7 })).toBe(2);
      expect(await store.failInterrupted({ why: "again", at: 8 })).toBe(0);
      const failed = audience("a1", { state: "failed", by: "system", why, changedAt: 7 });
      expect((await store.log("a1", { limit: 9 })).items.at(-1)).toEqual({
        ...{ from: "started", to: "failed", epoch: 1, by: "system", why, at: 7 },
      });
      expect(await store.read("a4")).toEqual(audience("a4", { source }));
      expect(await store.read("a1")).toEqual(failed);
      expect(await store.read("a2")).toEqual(audience("a2", { state: "finished" }));
      expect(await store.readSpill("a1", 0)).toEqual([]);
    });
  });

  heapConformance(name, start);
  lineErrorConformance(name, start);
}

type Start = () => Promise<Awaited<ReturnType<OpenStores>>["audiences"]>;

function heapConformance(name: string, start: Start): void {
  describe(`${name} cuts pages from a heap`, () => {
    test("a heap gives back each partition's recipients in the order of arrival", async () => {
      const store = await start();
      await store.create(audience("a1", { partitions: 2 }));
      const [a, b, c] = [recipients(3, "a"), recipients(2, "b"), [{ member: "ü🎉" }]];
      await store.spill("a1", [
        { partition: 0, recipients: a },
        { partition: 1, recipients: b },
      ]);
      await store.spill("a1", [{ partition: 0, recipients: c }]);
      expect(await store.readSpill("a1", 0)).toEqual([...a, ...c]);
      expect(await store.readSpill("a1", 1)).toEqual(b);
      expect(await store.readSpill("a1", 2)).toEqual([]);
    });

    test("sealing writes the pages, removes that heap alone, and can be repeated", async () => {
      const store = await start();
      await store.create(audience("a1", { partitions: 2 }));
      for (const partition of [0, 1]) {
        await store.spill("a1", [{ partition, recipients: recipients(3) }]);
      }
      const pages: Page[] = [
        { partition: 0, k: 0, recipients: recipients(2, "p") },
        { partition: 0, k: 1, recipients: [{ member: "last" }] },
      ];
      await store.seal("a1", 0, pages);
      await store.seal("a1", 0, pages);
      for (const page of pages) expect(await store.page("a1", page)).toEqual(page);
      expect(await store.page("a1", { partition: 0, k: 2 })).toBeUndefined();
      expect(await store.page("a2", { partition: 0, k: 0 })).toBeUndefined();
      expect(await store.readSpill("a1", 0)).toEqual([]);
      expect(await store.readSpill("a1", 1)).toHaveLength(3);
    });

    test("a partition that is sealed keeps its pages", async () => {
      const store = await start();
      await store.create(audience("a1"));
      const page = { partition: 0, k: 0, recipients: recipients(2) };
      await store.seal("a1", 0, [page]);
      await store.seal("a1", 0, [
        { ...page, recipients: [] },
        { ...page, k: 1 },
      ]);
      expect(await store.page("a1", page)).toEqual(page);
      expect(await store.page("a1", { partition: 0, k: 1 })).toBeUndefined();
    });

    test("an empty partition can be sealed", async () => {
      const store = await start();
      await store.create(audience("a1"));
      await store.seal("a1", 0, []);
      expect(await store.page("a1", { partition: 0, k: 0 })).toBeUndefined();
    });

    test("a page of 20 000 recipients with long variables comes back whole", async () => {
      const store = await start();
      await store.create(audience("a1"));
      const many = recipients(20_000).map((each) => ({ ...each, vars: { text: "é".repeat(100) } }));
      await store.seal("a1", 0, [{ partition: 0, k: 0, recipients: many }]);
      expect(await store.page("a1", { partition: 0, k: 0 })).toEqual({
        partition: 0,
        k: 0,
        recipients: many,
      });
    });

    test("an unknown audience has no heap and no pages", async () => {
      const store = await start();
      const chunk = { partition: 0, recipients: recipients(1) };
      await expectError(store.spill("a1", [chunk]), "audience.unknown");
      await expectError(store.seal("a1", 0, []), "audience.unknown");
      expect(await store.readSpill("a1", 0)).toEqual([]);
    });

    test("what a caller does to a result does not reach the store", async () => {
      const store = await start();
      await store.create(audience("a1"));
      await store.seal("a1", 0, [{ partition: 0, k: 0, recipients: recipients(1) }]);
      const page = await store.page("a1", { partition: 0, k: 0 });
      Object.assign(page!.recipients[0]!, { member: "changed" });
      Object.assign((await store.read("a1"))!, { name: "changed" });
      expect((await store.page("a1", { partition: 0, k: 0 }))?.recipients).toEqual(recipients(1));
      expect(await store.read("a1")).toEqual(audience("a1"));
    });
  });
}

function lineErrorConformance(name: string, start: Start): void {
  describe(`${name} keeps the errors of an import`, () => {
    test("errors are listed in the order in which they were added, page by page", async () => {
      const store = await start();
      await store.create(audience("a1"));
      await store.addErrors("a1", [lineError(7), lineError(3)]);
      await store.addErrors("a1", [lineError(7), lineError(9)]);
      const all = await readAll((request) => store.errors("a1", request), 3);
      expect(all).toEqual([7, 3, 7, 9].map(lineError));
      expect(await store.errors("a2", { limit: 3 })).toEqual({ items: [], next: undefined });
    });

    test("at most 1 000 errors are kept: the first", async () => {
      const store = await start();
      await store.create(audience("a1"));
      const errors = Array.from({ length: 700 }, (_, index) => lineError(index + 1));
      for (const _ of [1, 2, 3]) await store.addErrors("a1", errors);
      const all = await readAll((request) => store.errors("a1", request), 400);
      expect(all).toEqual([...errors, ...errors.slice(0, 300)]);
    });

    test("an unknown audience has no errors", async () => {
      const store = await start();
      await expectError(store.addErrors("a1", [lineError(1)]), "audience.unknown");
    });
  });
}
