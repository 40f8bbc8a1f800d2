import { describe, expect, test } from "vitest";
import { type Condition, readCondition } from "../../src/core/condition.ts";
import { matches } from "../../src/core/condition-matches.ts";
import type { Scalar } from "../../src/core/member-rules.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { compareText } from "../../src/core/text-order.ts";
import type { Member, MemberChange } from "../../src/persistence/ports/members.ts";
import { idsOf } from "./member-store.ts";
import { audience, type OpenStores, openFor } from "./open-stores.ts";

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const MEMBERS = 300;
const CONDITIONS = 80;

const NAMES = ["a", "b", "c.d-e", "_x"] as const;
const TEXTS = ["", "a", "ab", "abc", "b", "é", "\uffff", "🎉", "🎉a", "1", "true", "a'b\"c\\\n%_"];
const NUMBERS = [0, 1, -1, 0.1, 2.5, 36, 1e21, -1e-7, 9_007_199_254_740_991];
const TAGS = ["x", "y", "tag z", "é/1"];

/** Picks from lists with values that look alike, so that most conditions hold for some. */
class Maker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  below(max: number): number {
    return Math.floor(this.#random() * max);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  some<T>(values: readonly T[]): T[] {
    return values.filter(() => this.below(2) === 0);
  }

  scalar(): Scalar {
    const kind = this.below(5);
    return kind === 0 ? this.below(2) === 0 : kind < 3 ? this.pick(NUMBERS) : this.pick(TEXTS);
  }

  member(n: number): MemberChange {
    const attributes = this.some(NAMES).map((name) => [name, this.scalar()]);
    return {
      id: `${this.pick(["m", "é", "🎉"])}-${n}`,
      attributes: Object.fromEntries(attributes) as Record<string, Scalar>,
      tags: this.some(TAGS),
      ...(this.below(2) ? {} : { locale: this.pick(["de", "de-AT", "en"]) }),
      ...(this.below(2) ? {} : { timeZone: this.pick(["Europe/Vienna", "Asia/Tokyo"]) }),
      ...(this.below(3) === 0 ? {} : { lastSeenAt: NOW - this.below(10) * HOUR_MS }),
    };
  }

  condition(depth: number): Condition {
    const kind = this.below(depth > 0 ? 10 : 6);
    const list = () => Array.from({ length: this.below(4) }, () => this.condition(depth - 1));
    switch (kind) {
      case 0:
        return this.below(2) ? { tag: this.pick(TAGS) } : { anyTag: [this.pick(TAGS), "none"] };
      case 1:
        return { lastSeen: this.seen() };
      case 2:
        return this.below(2) ? { audience: "aud_1" } : { sample: this.below(100), salt: "s" };
      case 6:
        return { all: list() };
      case 7:
        return { any: list() };
      case 8:
      case 9:
        return { not: this.condition(depth - 1) };
      default:
        return this.test();
    }
  }

  seen() {
    const at = new Date(NOW - this.below(10) * HOUR_MS).toISOString();
    return this.pick([{ within: `${this.below(10)}h` }, { before: at }, { after: at }]);
  }

  test(): Condition {
    const attr = this.pick([...NAMES, "id", "locale", "timeZone"]);
    const ordered = () => this.pick<string | number>([...NUMBERS, ...TEXTS, "de", "Europe"]);
    const kind = this.pick(["eq", "ne", "lt", "lte", "gt", "gte"]);
    const prefix = this.pick(["a", "ab", "é", "🎉", "\uffff", "m-1", "de", "Europe/"]);
    const [low, high] = this.below(2)
      ? [this.pick(NUMBERS), this.pick(NUMBERS)].sort((a, b) => a - b)
      : [this.pick(TEXTS), this.pick(TEXTS)].sort(compareText);
    const test = this.pick<object>([
      { [kind]: kind.length === 2 && kind.endsWith("q") ? this.scalar() : ordered() },
      { in: [this.scalar(), this.scalar(), "de"] },
      { between: [low, high] },
      { prefix },
      { pattern: this.pick(["*", "a*", "?", "*b*", "m-?", "🎉*", "de*", "", "*/*"]) || "a" },
      { exists: this.below(2) === 0 },
      low === high ? { gte: low, lte: high } : { gte: low, lt: high },
    ]);
    return readCondition({ attr, ...test });
  }
}

/** Every adapter finds for any condition whom the reference evaluation takes. */
export function conditionConformance(name: string, open: OpenStores): void {
  describe(`${name} agrees with the reference evaluation of conditions`, () => {
    test.each([1, 2, 3])(
      "for random members and conditions of seed %i",
      async (seed) => {
        const maker = new Maker(seededRandom(seed));
        const { members, audiences } = await openFor(open);
        const made = Array.from({ length: MEMBERS }, (_, n) => maker.member(n));
        await members.upsert(made, 1);
        const chosen = new Set(maker.some(made).map(({ id }) => id));
        await audiences.create(audience("aud_1", { partitions: 1, state: "finished" }));
        const recipients = [...chosen].map((member) => ({ member }));
        await audiences.seal("aud_1", 0, [{ partition: 0, k: 0, recipients }]);
        const all = await Promise.all(made.map(({ id }) => members.read(id) as Promise<Member>));
        const context = { now: NOW, isInAudience: (_: string, id: string) => chosen.has(id) };

        for (let round = 0; round < CONDITIONS; round += 1) {
          const condition = maker.condition(3);
          const expected = all.filter((member) => matches(condition, member, context));
          const { eligible } = await members.count({ condition, now: NOW });
          expect(eligible, `seed ${seed}: ${JSON.stringify(condition)}`).toBe(expected.length);
          if (round % 20 > 0) continue;
          const found = await idsOf(members, { condition, now: NOW });
          expect(found.sort()).toEqual(expected.map(({ id }) => id).sort());
        }
      },
      60_000,
    );
  });
}
