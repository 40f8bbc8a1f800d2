import { describe, expect, test } from "vitest";
import { type OpenStores, openFor } from "./open-stores.ts";

const cap = { max: 2, perMs: 1_000 };
const entry = (member: string, n: number) => ({ member, item: `c:1:0/0:${n}` });

/** What every `CampaignStore` must do about frequency caps. */
export function frequencyCapsConformance(name: string, open: OpenStores): void {
  describe(`${name} counts messages per member`, () => {
    test("looking counts nothing, and agrees with what taking says", async () => {
      const { campaigns } = await openFor(open);
      const over = (now: number) => campaigns.overCaps({ members: ["a", "b"], cap, now });
      expect(await over(0)).toEqual([false, false]);
      await campaigns.takeCaps({ entries: [entry("a", 1), entry("a", 2)], cap, now: 10 });
      expect(await over(10)).toEqual([true, false]);
      expect(await over(10)).toEqual([true, false]);
      expect(await campaigns.takeCaps({ entries: [entry("a", 3)], cap, now: 11 })).toEqual([false]);
      expect(await over(1_010)).toEqual([false, false]);
      const later = { entries: [entry("a", 3), entry("b", 4)], cap, now: 1_010 };
      expect(await campaigns.takeCaps(later)).toEqual([true, true]);
    });

    test("what did not go is taken back, and leaves others alone", async () => {
      const { campaigns } = await openFor(open);
      const entries = [entry("a", 1), entry("a", 2), entry("b", 3)];
      await campaigns.takeCaps({ entries, cap, now: 10 });
      await campaigns.returnCaps({ entries: [entry("a", 1), entry("c", 4)] });
      expect(await campaigns.overCaps({ members: ["a", "b"], cap, now: 10 })).toEqual([
        false,
        false,
      ]);
      const more = { entries: [entry("a", 5), entry("a", 6)], cap, now: 11 };
      expect(await campaigns.takeCaps(more)).toEqual([true, false]);
    });
  });
}
