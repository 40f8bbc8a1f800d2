import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/core/random.ts";
import type { NewUpload, OutboxStore } from "../../src/persistence/ports/outbox.ts";
import { expectError, type OpenStores, openFor } from "./open-stores.ts";

const upload = (key: string, changes: Partial<NewUpload> = {}): NewUpload => ({
  ...{ principal: "board:b1", device: "main", kind: "state", payload: `{"key":"${key}"}` },
  ...{ key, at: 1_000 },
  ...changes,
});

const MAX = 5;

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

    test("a consumer goes forward only, and not beyond the latest", async () => {
      const store = await start();
      await store.append(
        ["a", "b", "c"].map((key) => upload(key)),
        MAX,
      );
      expect(await store.place("crm")).toEqual({ consumer: "crm", acked: 0, behind: 3 });
      expect(await store.ack("crm", 2)).toEqual({ consumer: "crm", acked: 2, behind: 1 });
      expect(await store.ack("crm", 1)).toEqual({ consumer: "crm", acked: 2, behind: 1 });
      expect(await store.ack("bi", 99)).toEqual({ consumer: "bi", acked: 3, behind: 0 });
      expect((await store.consumers()).map(({ consumer }) => consumer)).toEqual(["bi", "crm"]);
      expect(await store.forget("bi")).toBe(true);
      expect(await store.forget("bi")).toBe(false);
    });

    test("it is full when somebody has not acknowledged, and takes nothing then", async () => {
      const store = await start();
      const keys = ["a", "b", "c", "d", "e"];
      await store.append(
        keys.map((key) => upload(key)),
        MAX,
      );
      await expectError(store.append([upload("f")], MAX), "outbox.full");
      expect(await store.append([upload("a")], MAX)).toEqual([{ offset: 1, fresh: false }]);
      await store.ack("fast", 5);
      await store.place("slow");
      await expectError(store.append([upload("f")], MAX), "outbox.full");
      await store.ack("slow", 2);
      await expectError(
        store.append(
          ["f", "g", "h"].map((it) => upload(it)),
          MAX,
        ),
        "outbox.full",
      );
      expect(await keysOf(store)).toEqual(keys);
      expect(await store.append([upload("f"), upload("g")], MAX)).toMatchObject([
        { offset: 6 },
        { offset: 7 },
      ]);
      expect(await keysOf(store)).toEqual(["c", "d", "e", "f", "g"]);
    });

    test("what is old is pruned, and its offsets are not used again", async () => {
      const store = await start();
      await store.append([upload("a", { at: 1 }), upload("b", { at: 2 })], MAX);
      expect(await store.prune(3, 1)).toBe(1);
      expect(await store.prune(3, 9)).toBe(1);
      expect(await store.prune(3, 9)).toBe(0);
      expect(await store.append([upload("c")], 1)).toEqual([{ offset: 3, fresh: true }]);
    });

    test.each([1, 2, 3])("no consumer misses one or reads one twice (seed %i)", async (seed) => {
      const random = seededRandom(seed);
      const store = await start();
      const taken: string[] = [];
      const read: string[] = [];
      await store.place("crm");
      for (let step = 0; step < 60; step += 1) {
        const keys = Array.from({ length: Math.floor(random() * 4) }, (_, n) => `${step}.${n}`);
        await store
          .append(
            keys.map((key) => upload(key)),
            MAX,
          )
          .then(
            () => taken.push(...keys),
            () => undefined,
          );
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
