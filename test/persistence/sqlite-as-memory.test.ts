import { expect, onTestFinished, test } from "vitest";
import type { Outcome } from "../../src/core/ledger.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { RECEIPT_STATUSES } from "../../src/core/receipt.ts";
import { noCounts } from "../../src/core/send-counts.ts";
import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import type { CampaignState } from "../../src/persistence/ports/campaign.ts";
import type { Stores } from "../../src/persistence/ports/stores.ts";
import { openSqliteStores } from "../../src/persistence/sqlite/open-stores.ts";
import { audience, campaign, clockAt, recipients } from "../conformance/open-stores.ts";
import { dataFile } from "./data-folder.ts";

/** A call, to be made on either set of stores. */
type Step = (stores: Stores) => Promise<unknown>;

const OUTCOMES: readonly Outcome[] = ["delivered", "acked", "expired", "shed", "unknown"];
const { id: _, ...SPEC } = campaign("c0");
const STATES: readonly CampaignState[] = ["ready", "started", "pause"];

/** What a call came to: its value, or its error's code. */
async function outcomeOf(step: Step, stores: Stores): Promise<unknown> {
  return step(stores).then(
    (value) => ({ value }),
    (error: { code?: string }) => ({ code: error.code }),
  );
}

async function expectSame(
  makeStep: (random: Random, n: number) => Step,
  options: {
    readonly seed: number;
    readonly steps: number;
    readonly before?: Step;
  },
): Promise<void> {
  const { seed, steps, before } = options;
  const common = { inboxPerUserMax: 5, clock: clockAt(1_000) };
  const memory = memoryStores(common);
  const sqlite = await openSqliteStores({ file: dataFile(), synchronous: "normal", ...common });
  onTestFinished(() => sqlite.close());
  if (before !== undefined) for (const stores of [memory, sqlite]) await before(stores);
  const random = seededRandom(seed);
  for (let n = 0; n < steps; n += 1) {
    const step = makeStep(random, n);
    const [expected, got] = await Promise.all([outcomeOf(step, memory), outcomeOf(step, sqlite)]);
    expect(got, `seed ${seed}, step ${n}: ${step}`).toEqual(expected);
  }
}

function inboxStep(random: Random, n: number): Step {
  const below = (max: number) => Math.floor(random() * max);
  const users = ["u0", "u1", "u2", "u3"];
  switch (below(6)) {
    case 0:
    case 1: {
      const items = Array.from({ length: below(5) }, (_, index) => ({
        user: users[below(4)]!,
        id: `m${below(200)}`,
        ledger: `ledger-${below(2)}`,
        topic: "t",
        payload: `${n}`,
        ack: below(2) === 0,
        // Different for every item, so that the order of expiry is one and the same.
        expiresAt: below(1_000) * 10_000 + n * 10 + index,
      }));
      return ({ inbox }) => inbox.append(items);
    }
    case 2: {
      const settlements = Array.from({ length: below(8) }, () => ({
        user: users[below(4)]!,
        offset: below(60),
        outcome: OUTCOMES[below(5)]!,
      }));
      return ({ inbox }) => inbox.settle(settlements, n);
    }
    case 3: {
      const [now, limit] = [below(10_000_000), below(4)];
      return ({ inbox }) => inbox.expire(now, limit);
    }
    case 4: {
      const before = below(2 * n + 1);
      return ({ inbox }) => inbox.purge(before, 1_000);
    }
    default: {
      const now = below(10_000_000);
      return async ({ inbox }) => [
        await inbox.read(users, now),
        await inbox.ledger("ledger-0"),
        await inbox.ledgerOfAll(),
      ];
    }
  }
}

/** Two campaigns over one audience of six pages. */
async function withPages({ audiences, campaigns }: Stores): Promise<void> {
  await audiences.create(audience("a1"));
  for (const partition of [0, 1]) {
    const pages = [0, 1, 2].map((k) => ({ partition, k, recipients: recipients(4 + k) }));
    await audiences.seal("a1", partition, pages);
  }
  for (const id of ["c0", "c1"]) await campaigns.create(campaign(id), "cli");
}

function campaignStep(random: Random, n: number): Step {
  const below = (max: number) => Math.floor(random() * max);
  const id = `c${below(2)}`;
  const page = { campaign: id, epoch: below(3), partition: below(2), k: below(4) };
  switch (below(11)) {
    case 0: {
      const expected = { state: STATES[below(3)]!, epoch: below(3) };
      const change = { to: STATES[below(3)]!, epoch: below(3), by: "x", why: `${n}`, at: n };
      return ({ campaigns }) => campaigns.transition(id, expected, change);
    }
    case 1:
    case 2: {
      const version = 1 + below(3);
      const sendsFrom = below(2) === 0 ? "done" : "intent";
      const until = { owner: `o${below(3)}`, now: n, leaseUntil: n + below(50) };
      return ({ campaigns }) => campaigns.claim(page, { ...until, version, sendsFrom });
    }
    case 3:
    case 4:
    case 5: {
      const counts = { ...noCounts, delivered: below(3), shed: below(3), held: below(3) };
      const cursors = { done: below(5), intent: below(7) };
      const leaseUntil = below(3) === 0 ? 0 : n + below(50);
      const from = below(5);
      const status = (["unknown", "refused"] as const)[below(2)]!;
      const exception = { from, to: from + 1 + below(2), status, rule: "r", reason: "no" };
      const exceptions = below(2) === 0 ? [exception] : undefined;
      const arms = below(2) === 0 ? { a: counts } : undefined;
      const extras = { exceptions, arms, leaseUntil };
      const step = { ...page, ...cursors, fence: 1 + below(3), counts, ...extras };
      return ({ campaigns }) => campaigns.advance(step);
    }
    case 7: {
      const spec = { ...SPEC, name: `version ${n}` };
      const expected = { state: STATES[below(3)]!, version: 1 + below(3) };
      return ({ campaigns }) => campaigns.edit(id, expected, { spec, by: "x", why: "", at: n });
    }
    case 8: {
      const indices = Array.from({ length: below(4) }, () => below(7));
      const as = below(2) === 0 ? "delivered" : "refused";
      const arm = below(2) === 0 ? "a" : undefined;
      const settled = { indices, as, arm, rule: "operator", reason: "said so" } as const;
      return ({ campaigns }) => campaigns.resolve(page, settled);
    }
    case 9: {
      const entries = Array.from({ length: below(4) }, () => {
        return { member: `m${below(3)}`, item: `i${below(20)}` };
      });
      const cap = { max: 1 + below(3), perMs: 1 + below(100) };
      return ({ campaigns }) => campaigns.takeCaps({ entries, cap, now: n });
    }
    case 6: {
      const owner = `o${below(3)}`;
      return ({ campaigns }) => campaigns.releaseOthers(owner);
    }
    default: {
      const request = { after: `${below(2)}/${below(3)}`, limit: 1 + below(4) };
      const state = STATES[below(3)];
      const unknown = below(2) === 0;
      return async ({ campaigns }) => [
        await campaigns.openPages(id, page.epoch, { ...request, zones: ["", "Asia/Tokyo"] }),
        await campaigns.totals(id, page.epoch),
        await campaigns.log(id, { limit: 1_000 }),
        await campaigns.versions(id, { limit: 1_000 }),
        await campaigns.list({ state, limit: 1 }),
        await campaigns.interrupted(id, page.epoch, { limit: 3, owner: "o1" }),
        await campaigns.zones(id, page.epoch),
        await campaigns.pageState(page),
        await campaigns.exceptions(page),
        await campaigns.pageStates(id, page.epoch, { ...request, unknown }),
      ];
    }
  }
}

test.each([11, 12, 13])(
  "inboxes behave as in memory through random steps (seed %i)",
  async (seed) => {
    await expectSame(inboxStep, { seed, steps: 600 });
  },
);

function receiptStep(random: Random, n: number): Step {
  const below = (max: number) => Math.floor(random() * max);
  const provider = `p${below(2)}`;
  const page = { campaign: "c1", epoch: 1, partition: 0, k: below(2) };
  const message = below(2) === 0 ? `c1:1:0/${below(2)}:${below(6)}` : `own-${below(12)}`;
  switch (below(5)) {
    case 0:
    case 1: {
      const receipts = Array.from({ length: below(5) }, () => ({
        ...{ provider, message, part: below(2), at: below(5), reason: `${below(2)}` },
        status: RECEIPT_STATUSES[below(5)]!,
      }));
      return (stores) => stores.receipts.apply(receipts, n);
    }
    case 2: {
      const item = { ...page, index: below(6) };
      return (stores) => stores.receipts.register([{ provider, message, item }], n);
    }
    case 3: {
      const before = below(2) === 0 ? 0 : n - 50;
      return (stores) => stores.receipts.purge(before, 1_000);
    }
    default: {
      const item = { ...page, index: below(6) };
      return async ({ receipts }) => [
        await receipts.ofPage(provider, page),
        await receipts.ofItem(item),
        await receipts.counts("c1", 1),
      ];
    }
  }
}

test.each([31, 32, 33])(
  "receipts behave as in memory through random steps (seed %i)",
  async (seed) => {
    await expectSame(receiptStep, { seed, steps: 600 });
  },
);

test.each([21, 22, 23])(
  "campaigns behave as in memory through random steps (seed %i)",
  async (seed) => {
    await expectSame(campaignStep, { seed, steps: 600, before: withPages });
  },
);
