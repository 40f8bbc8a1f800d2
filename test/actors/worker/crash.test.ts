/**
 * A node dies, a worker crashes, or a call fails, at every single step of a small campaign.
 *
 * The steps are the calls to the store and the provider. A node that dies at step n either did
 * not make that call any more, or made it and never heard the answer; it makes no other call.
 */
import { describe, expect, test } from "vitest";
import { newAudience } from "../../../src/actors/collect/store.ts";
import type { CampaignProgress, Guarantee } from "../../../src/actors/master/messages.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { probe } from "../../testkit/kit.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { numbered, RecordingProvider, type Rig, repeated, startCampaigns } from "../master/rig.ts";

const PAGES = [25, 25, 10];
const MEMBERS = 60;
const WINDOW = 5;
const IN_FLIGHT = 2;
const WORKERS = 2;
/** What may be in doubt at one moment. */
const DOUBT_MAX = WINDOW * IN_FLIGHT * WORKERS;

type Fault = "before" | "after" | "unavailable" | "poison";

/** Counts calls, and lets the one with the number `at` go wrong. */
class Saboteur {
  calls = 0;
  /** Only the run itself is sabotaged, not what comes before and after it. */
  armed = false;
  dead = false;
  readonly at: number;
  readonly fault: Fault;

  constructor(at: number, fault: Fault) {
    this.at = at;
    this.fault = fault;
  }

  async call<T>(run: () => Promise<T>): Promise<T> {
    if (this.dead) return forever();
    if (!this.armed) return run();
    const number = ++this.calls;
    if (number !== this.at) return run();
    switch (this.fault) {
      case "unavailable":
        throw new RuntimeError("store.unavailable", "the disk is away");
      case "before":
        this.dead = true;
        return forever();
      case "after":
        this.dead = true;
        await run();
        return forever();
      case "poison":
        return poisoned(await run());
    }
  }

  /** The same object, with every method counted. */
  around<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => this.call(() => value.apply(object, args));
      },
    });
  }
}

function forever(): Promise<never> {
  return new Promise(() => {});
}

/** An answer whose fields cannot be read without a crash. */
function poisoned<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value as object, {
    get: (object, name) => {
      if (name === "then") return undefined;
      throw new Error(`poisoned ${String(name)} of ${Object.keys(object).join()}`);
    },
  }) as T;
}

async function storedAudience(stores: Stores): Promise<string> {
  const audience = newAudience("aud_1", "all", { by: "test", at: 0 });
  await stores.audiences.create(audience);
  const members = numbered(MEMBERS);
  let start = 0;
  for (const [partition, size] of PAGES.entries()) {
    const recipients = members.slice(start, start + size);
    await stores.audiences.seal(audience.id, partition, [{ partition, k: 0, recipients }]);
    start += size;
  }
  const counted = { size: MEMBERS, pages: PAGES.length, partitions: PAGES.length };
  await stores.audiences.update({ ...audience, ...counted, state: "finished" });
  return audience.id;
}

interface Outcome {
  readonly calls: number;
  readonly provider: RecordingProvider;
  readonly progress: CampaignProgress;
}

/** Runs a campaign with one fault, and again from the store when the node died of it. */
async function runWith(guarantee: Guarantee, at: number, fault: Fault): Promise<Outcome> {
  const stores = memoryStores({ inboxPerUserMax: 10 });
  const provider = new RecordingProvider();
  provider.capabilities = { ...provider.capabilities, receipts: "callback" };
  provider.answer = async (items) => {
    const told = items.map(({ id: message }) => {
      const status = "delivered" as const;
      return { provider: "recording", message, part: 0, status, at: 1, reason: "" };
    });
    await stores.receipts.apply(told, 1);
    return items.map(() => ({ status: "ok" }));
  };
  const saboteur = new Saboteur(at, fault);
  const audience = await storedAudience(stores);
  const wrapped: Stores = {
    ...stores,
    campaigns: saboteur.around(stores.campaigns),
    audiences: saboteur.around(stores.audiences),
  };
  const first = startCampaigns({
    stores: wrapped,
    provider: saboteur.around(provider),
    owner: "boot-1",
    crashesAllowed: fault === "poison",
  });
  await first.settle();
  const spec = { audience, guarantee, window: WINDOW, inFlight: IN_FLIGHT, workers: WORKERS };
  const { id } = await first.create(spec);
  saboteur.armed = true;
  first.desk.send({ type: "command", id, command: "start", by: "t", why: "", replyTo: probe() });
  await first.advance(20_000);
  saboteur.armed = false;
  let rig: Rig = first;
  if (saboteur.dead) {
    const clock = new VirtualClock(first.clock.now() + 1_000);
    rig = startCampaigns({ stores, provider, clock, owner: "boot-2" });
    await stores.campaigns.releaseOthers("boot-2");
    await rig.ask((replyTo) => ({ type: "recover", replyTo }));
  }
  // The fault may have hit the start itself.
  if ((await rig.read(id)).campaign.state === "ready") await rig.command(id, "start");
  await rig.advance(40_000);
  return { calls: saboteur.calls, provider, progress: (await rig.read(id)).progress };
}

function check(guarantee: Guarantee, { provider, progress }: Outcome, hint: string): void {
  const { ledger, state } = progress;
  expect(state, hint).toBe("finished");
  expect(progress.ledgerGap, hint).toBe(0);
  expect(ledger.pending, hint).toBe(0);
  const missing = MEMBERS - new Set(provider.members).size;
  if (guarantee === "at-most-once") {
    expect(repeated(provider.members), hint).toEqual([]);
    expect(missing, hint).toBeLessThanOrEqual(ledger.unknown);
    expect(ledger.unknown, hint).toBeLessThanOrEqual(DOUBT_MAX);
  } else {
    expect(missing, hint).toBe(0);
    expect(ledger, hint).toMatchObject({ delivered: MEMBERS, unknown: 0 });
    // Receipts tell of all that has gone, so nobody gets it twice either.
    const repeatsMax = guarantee === "receipt" ? 0 : DOUBT_MAX;
    expect(repeated(provider.members).length, hint).toBeLessThanOrEqual(repeatsMax);
    expect(new Set(provider.items.map(({ id }) => id)).size, hint).toBe(MEMBERS);
  }
}

for (const guarantee of ["at-most-once", "at-least-once", "key", "receipt"] as const) {
  describe(`with guarantee ${guarantee}`, () => {
    test("without a fault there is nothing in doubt, and a page costs few calls", async () => {
      const outcome = await runWith(guarantee, 0, "before");
      check(guarantee, outcome, "no fault");
      expect(outcome.progress.ledger.unknown).toBe(0);
      expect(outcome.calls).toBeLessThan(60);
    });

    for (const fault of ["before", "after"] as const) {
      test(`a node that dies ${fault} any call loses nothing silently`, async () => {
        const { calls } = await runWith(guarantee, 0, fault);
        for (let at = 1; at <= calls; at += 1) {
          check(guarantee, await runWith(guarantee, at, fault), `${fault} call ${at}`);
        }
      });
    }

    test("a call that fails is made again, or leaves at most its window in doubt", async () => {
      const { calls } = await runWith(guarantee, 0, "unavailable");
      for (let at = 1; at <= calls; at += 1) {
        const outcome = await runWith(guarantee, at, "unavailable");
        check(guarantee, outcome, `failed call ${at}`);
        expect(outcome.progress.ledger.unknown).toBeLessThanOrEqual(WINDOW);
      }
    });

    test("a crash of an actor at any answer loses its claim only", async () => {
      const { calls } = await runWith(guarantee, 0, "poison");
      for (let at = 1; at <= calls; at += 1) {
        check(guarantee, await runWith(guarantee, at, "poison"), `poisoned answer ${at}`);
      }
    });
  });
}
