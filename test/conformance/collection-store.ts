import { describe, expect, test } from "vitest";
import type { Audience } from "../../src/persistence/ports/audience.ts";
import type {
  CollectionPart,
  CollectionPlan,
  PullState,
} from "../../src/persistence/ports/collections.ts";
import {
  audience,
  campaign,
  expectError,
  type OpenStores,
  openFor,
  recipients,
} from "./open-stores.ts";

const PLAN: CollectionPlan = {
  source: { type: "condition", condition: { all: [{ tag: "x" }] }, variables: ["city"] },
  operands: [],
  partitions: 4,
  now: 1_234,
};

const part = (partition: number, size: number): CollectionPart => {
  const excluded = { optedOut: 1, suppressed: 2, noAddress: 0 };
  return { partition, size, pages: 1, excluded, duplicates: 3, hash: "abc" };
};

const at = (state: Audience["state"], epoch = 1) =>
  audience("a1", { state, epoch, source: PLAN.source, why: `it is ${state}` });
const READY = { state: "ready", epoch: 0 } as const;
const STARTED = { state: "started", epoch: 1 } as const;
const FINISHED = { state: "finished", epoch: 1 } as const;

/** Stores with `a1`, which is started. */
async function started(open: OpenStores) {
  const stores = await openFor(open);
  await stores.audiences.create(at("ready", 0));
  await stores.collections.transition(at("started"), READY, PLAN);
  return stores;
}

const pulled = (pages: number, state: Partial<PullState> = {}) => ({
  epoch: 1,
  state: { pages, cursor: `c${pages}`, items: pages, invalid: 0, isDone: false, ...state },
  chunks: [{ partition: 1, recipients: recipients(1, `p${pages}`) }],
  errors: [],
});

/** What every `CollectionStore` must do. */
export function collectionStoreConformance(name: string, open: OpenStores): void {
  describe(`${name} keeps collections`, () => {
    test("a state changes only from the one that is expected, and is logged", async () => {
      const { collections, audiences } = await started(open);
      expect(await audiences.read("a1")).toEqual(at("started"));
      const again = collections.transition(at("started"), READY, PLAN);
      await expectError(again, "store.conflict");
      const other = { state: "started", epoch: 2 } as const;
      await expectError(collections.transition(at("pause"), other), "store.conflict");
      const unknown = collections.transition(audience("a2"), READY, PLAN);
      await expectError(unknown, "audience.unknown");
      const races = ["pause", "stopped", "failed"] as const;
      const ended = await Promise.allSettled(
        races.map((state) => collections.transition(at(state), STARTED)),
      );
      expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
      const { items } = await audiences.log("a1", { limit: 9 });
      expect(items.map(({ from, to, epoch, why }) => [from, to, epoch, why])).toEqual([
        ["ready", "ready", 0, "it is ready"],
        ["ready", "started", 1, "it is started"],
        ["started", "pause", 1, "it is pause"],
      ]);
    });

    test("what runs is told, oldest first, and nothing of what is over", async () => {
      const { collections, audiences } = await started(open);
      await audiences.create(audience("a2", { state: "ready", epoch: 0 }));
      await collections.transition(audience("a2"), READY, PLAN);
      await audiences.create(audience("fed"));
      expect(await collections.running()).toEqual(["a1", "a2"]);
      await collections.transition(at("pause"), STARTED);
      expect(await collections.running()).toEqual(["a2"]);
      expect(await collections.run("a1")).toMatchObject({ plan: PLAN, parts: [] });
      await collections.transition(at("stopped"), { state: "pause", epoch: 1 });
      expect(await collections.run("a1")).toBeUndefined();
      expect(await collections.run("fed")).toBeUndefined();
    });

    test("a part is written with its pages, once, and none when it does not run", async () => {
      const { collections, audiences } = await started(open);
      const pages = [{ partition: 2, k: 0, recipients: recipients(3) }];
      expect(await collections.addPart("a1", 1, part(2, 3), pages)).toBe(true);
      const other = [{ partition: 2, k: 0, recipients: recipients(5, "other") }];
      expect(await collections.addPart("a1", 1, part(2, 5), other)).toBe(true);
      expect(await collections.addPart("a1", 1, part(0, 0), [])).toBe(true);
      expect(await collections.addPart("a1", 2, part(3, 0), [])).toBe(false);
      expect(await collections.run("a1")).toMatchObject({ parts: [part(0, 0), part(2, 3)] });
      expect(await audiences.page("a1", { partition: 2, k: 0 })).toEqual(pages[0]);
      await collections.transition(at("pause"), STARTED);
      expect(await collections.addPart("a1", 1, part(3, 1), [])).toBe(false);
      expect(await collections.run("a1")).toMatchObject({ parts: [part(0, 0), part(2, 3)] });
    });

    test("a new run begins with nothing of the one before", async () => {
      const { collections, audiences } = await started(open);
      const pages = [{ partition: 2, k: 0, recipients: recipients(3) }];
      await collections.addPart("a1", 1, part(2, 3), pages);
      const error = { line: 1, field: "x", expected: "y", got: "z" };
      await collections.addPulled("a1", { ...pulled(1), errors: [error] });
      expect((await audiences.errors("a1", { limit: 9 })).items).toEqual([error]);
      await collections.transition(at("failed"), STARTED);
      expect(await audiences.readSpill("a1", 1)).toEqual([]);
      await collections.transition(at("started", 2), { state: "failed", epoch: 1 }, PLAN);
      expect(await audiences.page("a1", { partition: 2, k: 0 })).toBeUndefined();
      expect((await audiences.errors("a1", { limit: 9 })).items).toEqual([]);
      const run = await collections.run("a1");
      expect([run?.pull, run?.parts]).toEqual([undefined, []]);
      expect(await collections.addPart("a1", 1, part(2, 3), pages)).toBe(false);
      expect(await collections.addPart("a1", 2, part(2, 3), pages)).toBe(true);
    });

    test("pages of a member API follow each other, each once", async () => {
      const { collections, audiences } = await started(open);
      expect(await collections.addPulled("a1", pulled(2))).toBe(false);
      expect(await collections.addPulled("a1", pulled(1))).toBe(true);
      expect(await collections.addPulled("a1", pulled(1))).toBe(false);
      expect(await collections.addPulled("a1", { ...pulled(2), epoch: 2 })).toBe(false);
      expect(await collections.addPulled("a1", pulled(2, { isDone: true }))).toBe(true);
      const state = { ...pulled(2).state, isDone: true };
      expect(await collections.run("a1")).toMatchObject({ pull: state });
      const members = (await audiences.readSpill("a1", 1)).map(({ member }) => member);
      expect(members).toEqual(["p1-0", "p2-0"]);
      await collections.transition(at("pause"), STARTED);
      expect(await collections.addPulled("a1", pulled(3))).toBe(false);
    });

    test("what a campaign has, or a collection reads, does not begin anew", async () => {
      const { collections, audiences, campaigns } = await started(open);
      await collections.transition(at("finished"), STARTED);
      const again = () => collections.transition(at("started", 2), FINISHED, PLAN);
      await audiences.create(audience("a2", { state: "ready", epoch: 0 }));
      const reads = { ...PLAN, operands: ["a1"] };
      await collections.transition(audience("a2"), READY, reads);
      await expectError(again(), "audience.in-use");
      await collections.transition(audience("a2", { state: "failed" }), STARTED);
      await campaigns.create(campaign("c1", { audience: "a1" }), "cli");
      await expectError(again(), "audience.in-use");
      expect(await audiences.read("a1")).toEqual(at("finished"));
      // One that is not frozen yet has nothing to keep.
      await campaigns.create(campaign("c2", { audience: "a2" }), "cli");
      const failed = { state: "failed", epoch: 1 } as const;
      await collections.transition(audience("a2", { epoch: 2 }), failed, PLAN);
      expect(await collections.running()).toEqual(["a2"]);
    });

    test("what is read must be finished when it begins", async () => {
      const { collections, audiences } = await started(open);
      await audiences.create(audience("a2", { state: "ready", epoch: 0 }));
      const reads = { ...PLAN, operands: ["a1"] };
      await expectError(collections.transition(audience("a2"), READY, reads), "audience.not-ready");
      expect(await audiences.read("a2")).toMatchObject(READY);
    });

    test("a condition about an audience sees what it was collected anew with", async () => {
      const { collections, members } = await started(open);
      await members.upsert([{ id: "m-0" }, { id: "m-1" }], 1);
      const query = { condition: { audience: "a1" }, now: 1 };
      const freezeWith = async (member: string, epoch: number) => {
        const plan = { ...PLAN, partitions: 1 };
        const page = { partition: 0, k: 0, recipients: [{ member }] };
        await collections.addPart("a1", epoch, part(0, 1), [page]);
        const done = { ...at("finished", epoch), partitions: plan.partitions };
        await collections.transition(done, { state: "started", epoch });
      };
      await freezeWith("m-0", 1);
      expect((await members.count(query)).eligible).toBe(1);
      await collections.transition(at("started", 2), FINISHED, PLAN);
      expect((await members.count(query)).eligible).toBe(0);
      await freezeWith("m-none", 2);
      expect((await members.count(query)).eligible).toBe(0);
    });
  });
}
