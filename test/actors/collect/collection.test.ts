import { expect, onTestFinished, test } from "vitest";
import type { AudienceSource } from "../../../src/actors/collect/messages.ts";
import { partitionOf, sha256 } from "../../../src/core/hash.ts";
import { openSqliteStores } from "../../../src/persistence/sqlite/open-stores.ts";
import { audience, clockAt } from "../../conformance/open-stores.ts";
import { dataFile } from "../../persistence/data-folder.ts";
import { freeze, ids, pagesOf, startDesk } from "./desk-rig.ts";

function sha256Of(text: string): string {
  const hash = sha256();
  hash.add(text);
  return hash.end();
}

test("a condition becomes a frozen audience, without those who must not be reached", async () => {
  const desk = startDesk();
  const { members, suppressions } = desk.stores;
  const attributes = (n: number) => ({ age: n % 100, vip: true, city: `T${n % 3}` });
  await members.upsert(
    ids(0, 3_000).map((id, n) => ({ id, attributes: attributes(n), locale: "de" })),
    1,
  );
  await members.optOut("m-50", { optedOut: true, at: 1 });
  const entry = { kind: "member", why: "x", by: "y", at: 1 } as const;
  await suppressions.suppress([{ ...entry, value: "m-151" }]);
  const source = { type: "condition", condition: { attr: "age", gte: 50 } } as const;
  const made = await desk.collect(source);
  expect(made).toMatchObject({
    state: "finished",
    source,
    size: 1_498,
    pages: 2,
    partitions: 1,
    excluded: { optedOut: 1, suppressed: 1, noAddress: 0 },
  });
  const pages = await pagesOf(desk.stores, made);
  const hash = sha256();
  for (const page of pages) hash.add(`${JSON.stringify(page)}\n`);
  expect(made.hash).toBe(sha256Of(hash.end()));
  const found = pages.flat();
  expect(found.map(({ member }) => member)).toEqual(found.map(({ member }) => member).sort());
  const vars = { age: "99", city: "T0", locale: "de", vip: "true" };
  expect(found.find(({ member }) => member === "m-99")).toEqual({ member: "m-99", vars });
  // A change of a member afterwards does not change who is in it.
  await members.upsert([{ id: "m-99", attributes: { age: 1 } }], 2);
  expect((await pagesOf(desk.stores, made)).flat()).toEqual(found);
});

test("only the variables that are named are taken, and an address can be asked for", async () => {
  const desk = startDesk();
  const phones = ids(0, 10).map((id, n) => ({
    id,
    attributes: n < 4 ? { phone: `0${n}`, a: n } : {},
  }));
  await desk.stores.members.upsert(phones, 1);
  const made = await desk.collect({
    type: "condition",
    condition: { all: [] },
    address: "phone",
    variables: ["phone"],
  });
  expect(made).toMatchObject({ size: 4, excluded: { noAddress: 6 } });
  const [page] = await pagesOf(desk.stores, made);
  expect(page?.[0]).toEqual({ member: "m-0", vars: { phone: "00" } });
});

test.each([
  ["union", 300],
  ["intersection", 100],
  ["difference", 100],
] as const)("a %s of audiences with different partitions is right", async (type, size) => {
  const desk = startDesk();
  await freeze(desk.stores, "one", ids(0, 200), 1);
  await freeze(desk.stores, "two", ids(100, 300), 8);
  await desk.stores.members.optOut("m-500", { optedOut: true, at: 1 });
  for (const audiences of [
    ["one", "two"],
    ["two", "one"],
  ]) {
    const made = await desk.collect({ type, audiences });
    expect(made.size).toBe(size);
    const found = (await pagesOf(desk.stores, made)).flat();
    const both = found.find(({ member }) => member === "m-150");
    expect(both?.vars?.["from"]).toBe(type === "difference" ? undefined : audiences[0]);
  }
});

test("an opted-out member leaves a union of audiences that had it", async () => {
  const desk = startDesk();
  await freeze(desk.stores, "one", ids(0, 20));
  await freeze(desk.stores, "two", ids(10, 30));
  await desk.stores.members.optOut("m-15", { optedOut: true, at: 1 });
  const made = await desk.collect({ type: "union", audiences: ["one", "two"] });
  expect(made).toMatchObject({ size: 29, excluded: { optedOut: 1 } });
});

test("an audience that is not there, or not ready, is named", async () => {
  const desk = startDesk();
  await freeze(desk.stores, "one", ids(0, 2));
  await desk.stores.audiences.create(audience("two"));
  const code = async (source: AudienceSource) => {
    const begun = await desk.create(source);
    return begun.ok ? "ok" : begun.error.code;
  };
  expect(await code({ type: "union", audiences: ["one", "two"] })).toBe("audience.not-ready");
  expect(await code({ type: "union", audiences: ["one", "none"] })).toBe("audience.unknown");
  const condition = { not: { audience: "none" } };
  expect(await code({ type: "condition", condition })).toBe("audience.unknown");
});

test("a node that starts again goes on where the last one was, with nobody twice", async () => {
  const file = dataFile();
  const options = { file, synchronous: "normal", inboxPerUserMax: 1, clock: clockAt(0) } as const;
  const before = await openSqliteStores(options);
  const everybody = ids(0, 2_000);
  await before.members.upsert(
    everybody.map((id) => ({ id, attributes: { n: 1 } })),
    1,
  );
  const source = { type: "condition", condition: { all: [] } } as const;
  await before.audiences.create(audience("aud_1", { state: "ready", source, epoch: 0 }));
  const plan = { source, partitions: 16, now: 1, operands: [] };
  const started = audience("aud_1", { source, partitions: 16 });
  await before.collections.transition(started, { state: "ready", epoch: 0 }, plan);
  // The first node had done five partitions when it was killed; then members changed.
  const done = [0, 3, 4, 9, 15];
  for (const partition of done) {
    const recipients = everybody
      .filter((member) => partitionOf(member, 16) === partition)
      .map((member) => ({ member, vars: { n: "1" } }));
    const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
    const counts = { partition, size: recipients.length, pages: 1, duplicates: 0 };
    const part = { ...counts, excluded, hash: "abc" };
    await before.collections.addPart("aud_1", 1, part, [{ partition, k: 0, recipients }]);
  }
  await before.members.upsert(
    everybody.map((id) => ({ id, attributes: { n: 2 } })),
    2,
  );
  await before.close();

  const stores = await openSqliteStores(options);
  onTestFinished(() => stores.close());
  const desk = startDesk({ stores, prefix: "b" });
  await desk.settle();
  const made = (await stores.audiences.read("aud_1"))!;
  expect(made).toMatchObject({ state: "finished", size: 2_000, partitions: 16 });
  const found = (await pagesOf(stores, made)).flat();
  expect(new Set(found.map(({ member }) => member))).toEqual(new Set(everybody));
  expect(found).toHaveLength(2_000);
  for (const { member, vars } of found) {
    expect(vars?.["n"]).toBe(done.includes(partitionOf(member, 16)) ? "1" : "2");
  }
  expect(await stores.collections.running()).toEqual([]);
  // That it was cut off is on record.
  expect(await desk.log("aud_1")).toEqual([
    "ready -> ready 0 cli",
    "ready -> started 1 cli",
    "started -> reboot 1 system",
    "reboot -> started 1 system",
    "started -> finished 1 system",
  ]);
});

test("who has a time zone is cut by it, also when the variables leave it out", async () => {
  const desk = startDesk();
  const zones = ["Europe/Paris", "Asia/Tokyo", undefined];
  await desk.stores.members.upsert(
    ids(0, 90).map((id, n) => {
      const timeZone = zones[n % 3];
      return { id, attributes: { n }, ...(timeZone === undefined ? {} : { timeZone }) };
    }),
    1,
  );
  const condition = { all: [] };
  const made = await desk.collect({ type: "condition", condition, variables: ["n"] });
  const zonesOf = async (id: string) => {
    const runs = await desk.stores.audiences.runs(id, 0);
    return runs.map(({ zone, pages }) => [zone, pages]);
  };
  const wanted = [
    ["", 1],
    ["Asia/Tokyo", 1],
    ["Europe/Paris", 1],
  ];
  expect(await zonesOf(made.id)).toEqual(wanted);
  const [first] = (await pagesOf(desk.stores, made)).flat();
  expect(Object.keys(first?.vars ?? {})).toEqual(["n"]);
  // What is combined of it stays in its zones.
  await freeze(desk.stores, "few", ids(0, 9));
  const both = await desk.collect({ type: "intersection", audiences: [made.id, "few"] });
  expect(both.size).toBe(9);
  expect(await zonesOf(both.id)).toEqual(wanted);
});
