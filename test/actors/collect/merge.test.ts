import { expect, test } from "vitest";
import { mergeParts } from "../../../src/actors/collect/merge.ts";
import { cutPages } from "../../../src/actors/collect/pages.ts";
import { partitionOf } from "../../../src/core/hash.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { audience } from "../../conformance/open-stores.ts";
import { ids, startDesk } from "./desk-rig.ts";

const ZONES = ["", "Africa/Cairo", "America/Lima", "Asia/Tokyo", "Europe/Paris"];

function start() {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  /** An audience whose members lie in time zones, a few to a page. */
  const freeze = async (id: string, members: readonly string[], partitions: number) => {
    await stores.audiences.create(audience(id, { partitions }));
    for (let partition = 0; partition < partitions; partition += 1) {
      const ours = members.filter((member) => partitionOf(member, partitions) === partition);
      const zones = new Map(ours.map((it) => [it, ZONES[partitionOf(it, 8) % ZONES.length]!]));
      const listed = ours.map((member) => ({ member, vars: { from: id } }));
      await stores.audiences.seal(id, partition, cutPages(partition, listed, 10, zones).pages);
    }
    const size = members.length;
    await stores.audiences.update(audience(id, { partitions, size, state: "finished" }));
  };
  return { stores, freeze };
}

test("random audiences combine as sets do, whatever their partitions and zones", async () => {
  const random = seededRandom(11);
  const { stores, freeze } = start();
  const desk = startDesk({ stores });
  const all = ids(0, 300);
  for (let round = 0; round < 12; round += 1) {
    const operands = [0, 1, 2].map((n) => `r${round}-${n}`);
    const sets = operands.map(() => new Set(all.filter(() => random() < 0.5)));
    for (const [n, operand] of operands.entries()) {
      await freeze(operand, [...sets[n]!], 2 ** Math.floor(random() * 5));
    }
    const [a, b, c] = sets as [Set<string>, Set<string>, Set<string>];
    const expected = {
      union: a.union(b).union(c),
      intersection: a.intersection(b).intersection(c),
      difference: a.difference(b).difference(c),
    };
    for (const type of ["union", "intersection", "difference"] as const) {
      const made = await desk.collect({ type, audiences: operands });
      const found: string[] = [];
      for (const { first, pages } of await stores.audiences.runs(made.id, 0)) {
        for (let k = first; k < first + pages; k += 1) {
          const page = await stores.audiences.page(made.id, { partition: 0, k });
          for (const { member, vars } of page?.recipients ?? []) {
            found.push(member);
            // The first operand that has somebody says their variables and zone.
            const owner = operands.find((_, n) => sets[n]!.has(member));
            expect(vars).toEqual({ from: owner });
            expect(page?.zone ?? "").toBe(ZONES[partitionOf(member, 8) % ZONES.length]);
          }
        }
      }
      expect(found.sort()).toEqual([...expected[type]].sort());
    }
  }
});

test("a page of each stream is read ahead, and not the audience", async () => {
  const { stores, freeze } = start();
  await freeze("big", ids(0, 2_000), 1);
  await freeze("other", ids(500, 2_500), 1);
  let reads = 0;
  const pages = {
    runs: stores.audiences.runs,
    page: (...page: Parameters<typeof stores.audiences.page>) => {
      reads += 1;
      return stores.audiences.page(...page);
    },
  };
  const part = { own: 1, partition: 0, partitions: 1 };
  const parts = [
    { ...part, audience: "big" },
    { ...part, audience: "other" },
  ];
  const { signal } = new AbortController();
  let taken = 0;
  let last = "";
  for await (const { recipient, operands } of mergeParts(parts, pages, signal)) {
    taken += operands.length;
    expect(recipient.member > last).toBe(true);
    last = recipient.member;
    // Ten to a page, five zones in each of two audiences.
    expect(reads).toBeLessThanOrEqual(taken / 10 + 2 * 5 * 2);
  }
  expect(taken).toBe(4_000);
});
