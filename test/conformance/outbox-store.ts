import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/core/random.ts";
import {
  CONSUMERS_MAX,
  type NewUpload,
  type OutboxStore,
  type UploadsRequest,
} from "../../src/persistence/ports/outbox.ts";
import { expectError, type OpenStores, openFor } from "./open-stores.ts";

const upload = (key: string, changes: Partial<NewUpload> = {}): NewUpload => ({
  ...{ principal: "board:b1", device: "main", kind: "state", payload: `{"key":"${key}"}` },
  ...{ key, at: 1_000 },
  ...changes,
});

const MAX = 5;

const NEXT: UploadsRequest = { consumer: "crm", limit: 10, charactersMax: 10_000 };

/** What every `OutboxStore` must do. */
export function outboxStoreConformance(name: string, open: OpenStores): void {
  const start = async (): Promise<OutboxStore> => (await openFor(open)).outbox;
  const keysOf = async (store: OutboxStore, after = 0): Promise<string[]> =>
    (await store.read({ after, limit: 100 })).map(({ key }) => key);

  describe(`${name} keeps uploads for the back end`, () => {
    test("an upload is read as it was appended, in order, from any place", async () => {
      const store = await start();
      const first = upload("a", { payload: '{"t":21.5,"unit":"°C"}', kind: "alarm" });
      expect(await store.append([first, upload("b")], MAX)).toEqual([
        { offset: 1, fresh: true },
        { offset: 2, fresh: true },
      ]);
      expect(await store.read({ after: 0, limit: 1 })).toEqual([{ ...first, offset: 1 }]);
      expect(await keysOf(store, 1)).toEqual(["b"]);
      expect(await keysOf(store, 2)).toEqual([]);
    });

    test("a consumer may read some kinds only", async () => {
      const store = await start();
      await store.append([upload("a"), upload("b", { kind: "alarm" }), upload("c")], MAX);
      const read = async (kinds: readonly string[]) =>
        (await store.read({ after: 0, limit: 9, kinds })).map(({ key }) => key);
      expect(await read(["state"])).toEqual(["a", "c"]);
      expect(await read(["alarm", "state"])).toEqual(["a", "b", "c"]);
      expect(await read([])).toEqual([]);
    });

    test("the same key of the same principal is one upload, in one call or in two", async () => {
      const store = await start();
      const twice = await store.append([upload("a"), upload("a", { payload: "2" })], MAX);
      expect(twice).toEqual([
        { offset: 1, fresh: true },
        { offset: 1, fresh: false },
      ]);
      const again = [upload("a"), upload("a", { principal: "ada" })];
      expect(await store.append(again, MAX)).toEqual([
        { offset: 1, fresh: false },
        { offset: 2, fresh: true },
      ]);
      expect((await store.read({ after: 0, limit: 9 })).map((it) => it.payload)[0]).toContain("a");
    });

    test("a consumer goes forward only, and nowhere beyond the latest", async () => {
      const store = await start();
      await store.append(
        ["a", "b", "c"].map((key) => upload(key)),
        MAX,
      );
      expect(await store.place("crm")).toEqual({ consumer: "crm", acked: 0, behind: 3 });
      expect(await store.ack("crm", 2)).toEqual({ consumer: "crm", acked: 2, behind: 1 });
      expect(await store.ack("crm", 1)).toEqual({ consumer: "crm", acked: 2, behind: 1 });
      expect(await store.ack("bi", 3)).toEqual({ consumer: "bi", acked: 3, behind: 0 });
      await expectError(store.ack("crm", 4), "outbox.refused");
      await expectError(store.ack("stranger", 4), "outbox.refused");
      await expectError(store.next({ ...NEXT, after: 4 }), "outbox.refused");
      await expectError(store.next({ ...NEXT, consumer: "stranger", after: 4 }), "outbox.refused");
      expect(await store.place("crm")).toMatchObject({ acked: 2 });
      expect((await store.consumers()).map(({ consumer }) => consumer)).toEqual(["bi", "crm"]);
      expect(await store.forget("bi")).toBe(true);
      expect(await store.forget("bi")).toBe(false);
    });

    test("it takes what there is room for, and that is what all have acknowledged", async () => {
      const store = await start();
      const keys = ["a", "b", "c", "d", "e"];
      await store.append(
        keys.map((key) => upload(key)),
        MAX,
      );
      const add = (...more: string[]) =>
        store.append(
          more.map((it) => upload(it)),
          MAX,
        );
      expect(await add("f")).toEqual([]);
      expect(await add("a", "f", "b")).toEqual([{ offset: 1, fresh: false }]);
      await store.ack("fast", 5);
      await store.place("slow");
      expect(await add("f")).toEqual([]);
      await store.ack("slow", 2);
      expect(await keysOf(store)).toEqual(keys);
      expect(await add("f", "c", "g", "h")).toEqual([
        { offset: 6, fresh: true },
        { offset: 3, fresh: false },
        { offset: 7, fresh: true },
      ]);
      expect(await keysOf(store)).toEqual(["c", "d", "e", "f", "g"]);
      // Where there may be fewer than before, nothing of what waits is given up.
      expect(await store.append([upload("h")], 2)).toEqual([]);
      await store.ack("slow", 5);
      expect(await store.append([upload("h")], 2)).toEqual([]);
      expect(await store.append([upload("h")], 3)).toEqual([{ offset: 8, fresh: true }]);
      expect(await keysOf(store)).toEqual(["f", "g", "h"]);
    });

    test("what is old is pruned, and its offsets are not used again", async () => {
      const store = await start();
      await store.append([upload("a", { at: 1 }), upload("b", { at: 2 })], MAX);
      expect(await store.prune(3, 1)).toBe(1);
      expect(await store.prune(3, 9)).toBe(1);
      expect(await store.prune(3, 9)).toBe(0);
      expect(await store.append([upload("c")], 1)).toEqual([{ offset: 3, fresh: true }]);
    });

    test("what came when the clock was wrong leaves no gap when it goes", async () => {
      const store = await start();
      await store.append([upload("a", { at: 5 }), upload("b", { at: 1 }), upload("c")], MAX);
      expect(await store.prune(3, 9)).toBe(0);
      expect(await store.place("crm")).toMatchObject({ behind: 3 });
      expect(await store.prune(6, 9)).toBe(2);
      expect(await store.place("crm")).toMatchObject({ behind: 1 });
      expect(await store.ledger()).toEqual({ accepted: 3, acked: 0, waiting: 1, pruned: 2 });
    });

    test("a consumer gets the next from its place, or from where it says", async () => {
      const store = await start();
      await store.append([upload("a"), upload("b", { kind: "alarm" }), upload("c")], MAX);
      const next = async (more: Partial<UploadsRequest> = {}) => {
        const read = await store.next({ ...NEXT, ...more });
        return { ...read, uploads: read.uploads.map(({ key }) => key) };
      };
      expect(await next()).toEqual({ uploads: ["a", "b", "c"], upTo: 3, missed: 0 });
      expect(await next({ limit: 2 })).toEqual({ uploads: ["a", "b"], upTo: 2, missed: 0 });
      expect(await next({ after: 2 })).toEqual({ uploads: ["c"], upTo: 3, missed: 0 });
      expect(await next({ kinds: ["alarm"] })).toEqual({ uploads: ["b"], upTo: 3, missed: 0 });
      expect(await next({ kinds: [] })).toEqual({ uploads: [], upTo: 3, missed: 0 });
      await store.ack("crm", 2);
      expect(await next()).toEqual({ uploads: ["c"], upTo: 3, missed: 0 });
      expect(await next({ after: 3 })).toEqual({ uploads: [], upTo: 3, missed: 0 });
      expect(await next({ consumer: "ml", after: 2 })).toMatchObject({ uploads: ["c"] });
      expect(await next({ consumer: "bi" })).toMatchObject({ uploads: ["a", "b", "c"] });
      expect((await store.consumers()).map(({ consumer }) => consumer)).toEqual([
        "bi",
        "crm",
        "ml",
      ]);
    });

    test("long payloads come fewer at once, and never none", async () => {
      const store = await start();
      const long = (key: string) => upload(key, { payload: `"${key.repeat(100)}"` });
      await store.append([long("a"), long("b"), long("c")], MAX);
      const next = async (charactersMax: number) => {
        const { uploads, upTo } = await store.next({ ...NEXT, charactersMax });
        return [uploads.map(({ key }) => key).join(), upTo];
      };
      expect(await next(1)).toEqual(["a", 1]);
      expect(await next(203)).toEqual(["a", 1]);
      expect(await next(204)).toEqual(["a,b", 2]);
      expect(await next(306)).toEqual(["a,b,c", 3]);
    });

    test("a consumer is told how many it has missed", async () => {
      const store = await start();
      const missed = async () => (await store.next(NEXT)).missed;
      await store.append([upload("a", { at: 1 }), upload("b", { at: 2 }), upload("c")], MAX);
      await store.prune(3, 9);
      expect(await missed()).toBe(2);
      await store.ack("crm", 1);
      expect(await missed()).toBe(1);
      await store.prune(9_999, 9);
      expect(await missed()).toBe(2);
      await store.ack("crm", 3);
      expect(await missed()).toBe(0);
    });

    test("every upload is accounted for: acknowledged by all, waiting, or pruned", async () => {
      const store = await start();
      expect(await store.ledger()).toEqual({ accepted: 0, acked: 0, waiting: 0, pruned: 0 });
      const add = (...keys: string[]) =>
        store.append(
          keys.map((key) => upload(key, { at: key.charCodeAt(0) })),
          MAX,
        );
      await add("a", "b", "c");
      await add("c");
      expect(await store.ledger()).toEqual({ accepted: 3, acked: 0, waiting: 3, pruned: 0 });
      await store.ack("crm", 2);
      expect(await store.ledger()).toEqual({ accepted: 3, acked: 2, waiting: 1, pruned: 0 });
      await add("d", "e", "f");
      expect(await store.ledger()).toEqual({ accepted: 6, acked: 2, waiting: 4, pruned: 0 });
      await store.ack("crm", 3);
      await store.prune("e".charCodeAt(0), 9);
      expect(await store.ledger()).toEqual({ accepted: 6, acked: 3, waiting: 2, pruned: 1 });
      expect(await add("g", "h", "i", "j")).toHaveLength(3);
      expect(await store.ledger()).toEqual({ accepted: 9, acked: 3, waiting: 5, pruned: 1 });
    });

    test("room is made for a call and a thousand more, of what all have read", async () => {
      const store = await start();
      const max = 2_000;
      const add = (from: number, count: number) =>
        store.append(
          Array.from({ length: count }, (_, n) => upload(`${from + n}`)),
          max,
        );
      const first = async () => (await store.read({ after: 0, limit: 1 }))[0]?.offset;
      await add(1, max);
      await store.ack("crm", 1_800);
      await add(2_001, 10);
      expect(await first()).toBe(1_011);
      expect(await store.ledger()).toEqual({
        accepted: 2_010,
        acked: 1_800,
        waiting: 210,
        pruned: 0,
      });
      await add(2_011, 1_000);
      await add(3_011, 790);
      expect(await first()).toBe(1_801);
      expect(await add(3_801, 1)).toEqual([]);
      expect(await store.ledger()).toMatchObject({ accepted: 3_800, acked: 1_800, waiting: 2_000 });
    });

    test("there are only so many consumers, and those that are there go on", async () => {
      const store = await start();
      for (let n = 0; n < CONSUMERS_MAX; n += 1) await store.place(`c${n}`);
      await expectError(store.place("one more"), "outbox.refused");
      await expectError(store.ack("one more", 1), "outbox.refused");
      await expectError(store.next({ ...NEXT, consumer: "one more" }), "outbox.refused");
      expect(await store.place("c7")).toMatchObject({ acked: 0 });
      await store.forget("c7");
      expect(await store.place("one more")).toMatchObject({ acked: 0 });
    });

    test.each([1, 2, 3])("no consumer misses one or reads one twice (seed %i)", async (seed) => {
      const random = seededRandom(seed);
      const store = await start();
      const taken: string[] = [];
      const read: string[] = [];
      await store.place("crm");
      for (let step = 0; step < 60; step += 1) {
        const keys = Array.from({ length: Math.floor(random() * 4) }, (_, n) => `${step}.${n}`);
        const appended = await store.append(
          keys.map((key) => upload(key)),
          MAX,
        );
        taken.push(...keys.slice(0, appended.length));
        if (random() < 0.5) continue;
        const { acked } = await store.place("crm");
        const found = await store.read({ after: acked, limit: 1 + Math.floor(random() * 3) });
        read.push(...found.map(({ key }) => key));
        await store.ack("crm", found.at(-1)?.offset ?? 0);
      }
      const { acked } = await store.place("crm");
      expect([...read, ...(await keysOf(store, acked))]).toEqual(taken);
    });
  });
}
