import { describe, expect, test } from "vitest";
import { MEMBER_BUCKETS } from "../../src/core/member-rules.ts";
import type { MemberQuery, MemberStore } from "../../src/persistence/ports/members.ts";
import { audience, type OpenStores, openFor } from "./open-stores.ts";

const EVERYBODY: MemberQuery = { condition: { all: [] }, now: 10_000 };

/** Every id that a query finds, bucket by bucket, `limit` at a time. */
export async function idsOf(store: MemberStore, query: MemberQuery, limit = 100) {
  const ids: string[] = [];
  for (let bucket = 0; bucket < MEMBER_BUCKETS; bucket += 1) {
    let after: string | undefined;
    do {
      const { members, next } = await store.scan(query, { bucket, after, limit });
      expect(members.length).toBeLessThanOrEqual(limit);
      ids.push(...members.map(({ id }) => id));
      after = next;
    } while (after !== undefined);
  }
  return ids;
}

/** What every `MemberStore` must do; queries have a suite of their own. */
export function memberStoreConformance(name: string, open: OpenStores): void {
  const start = async () => (await openFor(open)).members;

  describe(`${name} keeps members`, () => {
    test("a change makes a member, and the next one is merged into it", async () => {
      const store = await start();
      const attributes = { city: "Zürich 🎉", age: 41, vip: true, score: -0.1 };
      const first = { id: "m-1", attributes, tags: ["b", "a"], locale: "de-CH" };
      expect(await store.upsert([first], 1_000)).toEqual([]);
      const times = { createdAt: 1_000, updatedAt: 1_000, optedOut: false };
      const made = { ...first, tags: ["a", "b"], ...times };
      expect(await store.read("m-1")).toEqual(made);

      const change = { attributes: { city: null, age: 42 }, addTags: ["c"], removeTags: ["a"] };
      const zone = { timeZone: "Europe/Zurich", lastSeenAt: 5, locale: null };
      await store.upsert([{ id: "m-1", ...change, ...zone }], 2_000);
      expect(await store.read("m-1")).toEqual({
        id: "m-1",
        attributes: { age: 42, vip: true, score: -0.1 },
        tags: ["b", "c"],
        timeZone: "Europe/Zurich",
        lastSeenAt: 5,
        createdAt: 1_000,
        updatedAt: 2_000,
        optedOut: false,
      });
      await store.upsert([{ id: "m-1", tags: ["z"], lastSeenAt: null, timeZone: null }], 3_000);
      const last = await store.read("m-1");
      expect(last).toMatchObject({ tags: ["z"], attributes: { age: 42 }, updatedAt: 3_000 });
      expect(last).not.toHaveProperty("timeZone");
      expect(last).not.toHaveProperty("lastSeenAt");
      expect(await store.read("m-2")).toBeUndefined();
    });

    test("one call may change a member twice: the later change wins", async () => {
      const store = await start();
      const change = (n: number) => ({ id: "m-1", attributes: { n, [`a${n}`]: true } });
      await store.upsert([change(1), { id: "m-2" }, change(2)], 1);
      expect((await store.read("m-1"))?.attributes).toEqual({ n: 2, a1: true, a2: true });
      expect((await store.read("m-2"))?.attributes).toEqual({});
    });

    test("a null removes what is there, and makes nothing where there is nothing", async () => {
      const store = await start();
      const change = { attributes: { a: null, b: 1 }, removeTags: ["x"], addTags: ["y"] };
      await store.upsert([{ id: "m-1", ...change, locale: null }], 1);
      expect(await store.read("m-1")).toMatchObject({ attributes: { b: 1 }, tags: ["y"] });
    });

    test("texts that look like what changes are written in come back as they are", async () => {
      const store = await start();
      const attributes = {
        quoted: '{"a":null}',
        lines: "a\nb\\n\t",
        tail: ":null",
        'n"l': ",:null",
      };
      await store.upsert(
        [
          { id: "m-1", attributes },
          { id: "m-2", attributes: { a: null } },
        ],
        1,
      );
      expect((await store.read("m-1"))?.attributes).toEqual(attributes);
      await store.upsert([{ id: "m-1", attributes: { tail: null } }], 2);
      const { tail: _, ...others } = attributes;
      expect((await store.read("m-1"))?.attributes).toEqual(others);
      expect((await store.read("m-2"))?.attributes).toEqual({});
    });

    test("attributes that grow too large are refused by place, and the rest is kept", async () => {
      const store = await start();
      const text = (n: number) => ({ [`t${n}`]: "x".repeat(1_000) });
      for (let n = 0; n < 30; n += 1) await store.upsert([{ id: "m-1", attributes: text(n) }], n);
      const tooMuch = Object.assign({}, ...Array.from({ length: 40 }, (_, n) => text(n)));
      const more = Object.assign({}, text(31), text(32), text(33), text(34));
      const changes = [
        { id: "m-2", attributes: tooMuch },
        { id: "m-3", attributes: { a: 1 } },
        { id: "m-1", attributes: more },
        { id: "m-4", attributes: { a: 1 } },
      ];
      expect(await store.upsert(changes, 99)).toEqual([0, 2]);
      expect(Object.keys((await store.read("m-1"))?.attributes ?? {})).toHaveLength(30);
      expect(await store.read("m-2")).toBeUndefined();
      expect(await store.read("m-4")).toBeDefined();
    });

    test("a removed member is gone, and one made again is new", async () => {
      const store = await start();
      await store.upsert([{ id: "m-1", attributes: { a: 1 } }], 1);
      await store.optOut("m-1", { optedOut: true, at: 2 });
      expect(await store.remove("m-1")).toBe(true);
      expect(await store.remove("m-1")).toBe(false);
      await store.upsert([{ id: "m-1" }], 3);
      expect(await store.read("m-1")).toMatchObject({ attributes: {}, optedOut: false });
    });

    test("an opt-out stays through changes until it is taken back", async () => {
      const store = await start();
      await store.optOut("m-1", { optedOut: true, at: 2 });
      expect(await store.read("m-1")).toMatchObject({ attributes: {}, createdAt: 2 });
      await store.upsert([{ id: "m-1", attributes: { a: 1 } }], 3);
      expect(await store.read("m-1")).toMatchObject({ optedOut: true, updatedAt: 3 });
      await store.optOut("m-1", { optedOut: false, at: 4 });
      expect(await store.read("m-1")).toMatchObject({ optedOut: false, updatedAt: 4 });
    });

    test("sightings move forward only, of members that there are", async () => {
      const store = await start();
      await store.upsert([{ id: "m-1" }, { id: "m-2", lastSeenAt: 50 }], 1);
      const sightings = ["m-1", "m-2", "m-3"].map((id) => ({ id, at: 20 }));
      expect(await store.seen([...sightings, { id: "m-1", at: 30 }])).toBe(2);
      expect((await store.read("m-1"))?.lastSeenAt).toBe(30);
      expect((await store.read("m-2"))?.lastSeenAt).toBe(50);
      expect(await store.read("m-3")).toBeUndefined();
    });

    test("who is blocked is told, once, and of nobody else", async () => {
      const { members, suppressions } = await openFor(open);
      expect(await members.blocked(["m-1"])).toEqual({ optedOut: [], suppressed: [] });
      await members.optOut("m-1", { optedOut: true, at: 1 });
      await members.upsert([{ id: "m-2" }], 1);
      const entry = { kind: "member", why: "x", by: "y", at: 1 } as const;
      await suppressions.suppress(["m-1", "m-3"].map((value) => ({ ...entry, value })));
      await suppressions.suppress([{ ...entry, kind: "address", value: "m-2" }]);
      const blocked = { optedOut: ["m-1"], suppressed: ["m-3"] };
      expect(await members.blocked(["m-0", "m-1", "m-2", "m-3"])).toEqual(blocked);
    });

    scanConformance(open);
  });
}

function scanConformance(open: OpenStores): void {
  test("a scan goes through a bucket in the order of ids, from any cursor", async () => {
    const { members } = await openFor(open);
    const ids = Array.from({ length: 3_000 }, (_, n) => (n % 3 ? `m-${n}` : `é🎉${n}`));
    await members.upsert(
      ids.map((id) => ({ id })),
      1,
    );
    const found = await idsOf(members, EVERYBODY, 4);
    expect(found).toHaveLength(3_000);
    expect(new Set(found)).toEqual(new Set(ids));
    expect(await idsOf(members, EVERYBODY, 1_000)).toEqual(found);
    expect(await members.count(EVERYBODY)).toMatchObject({ eligible: 3_000 });
  });

  test("who opted out, is suppressed or has no address is left out and counted once", async () => {
    const { members, suppressions } = await openFor(open);
    const ids = Array.from({ length: 10 }, (_, n) => `m-${n}`);
    const phone = (n: number) => (n < 8 ? { phone: `0${n}` } : n === 8 ? { phone: 8 } : {});
    await members.upsert(
      ids.map((id, n) => ({ id, attributes: phone(n) })),
      1,
    );
    await members.optOut("m-0", { optedOut: true, at: 2 });
    await members.optOut("m-9", { optedOut: true, at: 2 });
    const entry = { why: "asked for it", by: "tok_1", at: 3 };
    await suppressions.suppress([
      { kind: "member", value: "m-1", ...entry },
      { kind: "address", value: "02", ...entry },
      { kind: "address", value: "m-3", ...entry },
      { kind: "member", value: "m-0", ...entry },
    ]);
    const excluded = { optedOut: 2, suppressed: 1, noAddress: 0 };
    expect(await members.count(EVERYBODY)).toEqual({ eligible: 7, ...excluded });
    const byPhone = { ...EVERYBODY, address: "phone" };
    const counts = { eligible: 5, optedOut: 2, suppressed: 2, noAddress: 1 };
    expect(await members.count(byPhone)).toEqual(counts);
    const reached = (await idsOf(members, byPhone)).sort();
    expect(reached).toEqual(["m-3", "m-4", "m-5", "m-6", "m-7"]);
    await suppressions.unsuppress("address", "02");
    expect((await members.count(byPhone)).eligible).toBe(6);
  });

  test("a condition may name audiences, of whatever number of partitions", async () => {
    const { members, audiences } = await openFor(open);
    const ids = Array.from({ length: 600 }, (_, n) => `m-${n}`);
    await members.upsert(
      ids.map((id) => ({ id })),
      1,
    );
    for (const partitions of [1, 16, 512]) {
      const id = `aud_${partitions}`;
      await audiences.create(audience(id, { partitions }));
      const { hash32 } = await import("../../src/core/hash.ts");
      for (let partition = 0; partition < partitions; partition += 1) {
        const recipients = ids
          .filter((_, n) => n % 2 === 0)
          .filter((member) => (hash32(member) & (partitions - 1)) === partition)
          .map((member) => ({ member }));
        if (recipients.length > 0) {
          await audiences.seal(id, partition, [{ partition, k: 0, recipients }]);
        }
      }
      const query = { ...EVERYBODY, condition: { audience: id } };
      expect((await members.count(query)).eligible, "not ready").toBe(0);
      await audiences.update(audience(id, { partitions, state: "finished" }));
      expect((await members.count(query)).eligible).toBe(300);
      expect(new Set(await idsOf(members, query))).toEqual(
        new Set(ids.filter((_, n) => n % 2 === 0)),
      );
      const others = { ...EVERYBODY, condition: { not: { audience: id } } };
      expect((await members.count(others)).eligible).toBe(300);
    }
    const unknown = { ...EVERYBODY, condition: { audience: "aud_none" } };
    expect((await members.count(unknown)).eligible).toBe(0);
  });
}
