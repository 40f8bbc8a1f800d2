import { describe, expect, test } from "vitest";
import type { Subscription } from "../../src/persistence/ports/subscriptions.ts";
import { type OpenStores, openFor } from "./open-stores.ts";

const subscription = (member: string, name: string, at = 1): Subscription => {
  return { member, endpoint: `https://push.example/${name}`, p256dh: "key", auth: "auth", at };
};

/** What every `SubscriptionStore` must do. */
export function subscriptionStoreConformance(name: string, open: OpenStores): void {
  describe(`${name} keeps subscriptions`, () => {
    test("a subscription is read back by its member, the newest first", async () => {
      const { subscriptions } = await openFor(open);
      const [a, b, c] = [
        subscription("ann", "a", 1),
        subscription("bob", "b", 2),
        subscription("ann", "c", 3),
      ] as const;
      for (const it of [a, b, c]) await subscriptions.subscribe(it, 10);
      expect(await subscriptions.ofMembers(["ann"])).toEqual([c, a]);
      const both = await subscriptions.ofMembers(["bob", "ann", "nobody", "ann"]);
      expect(both.filter(({ member }) => member === "ann")).toEqual([c, a]);
      expect(both.filter(({ member }) => member === "bob")).toEqual([b]);
      expect(both).toHaveLength(3);
      expect(await subscriptions.ofMembers([])).toEqual([]);
    });

    test("an endpoint belongs to whoever came with it last, with the keys of then", async () => {
      const { subscriptions } = await openFor(open);
      await subscriptions.subscribe(subscription("ann", "a"), 10);
      const moved = { ...subscription("bob", "a", 9), p256dh: "another" };
      await subscriptions.subscribe(moved, 10);
      expect(await subscriptions.ofMembers(["ann", "bob"])).toEqual([moved]);
    });

    test("of a member's too many the oldest are forgotten, and nobody else's", async () => {
      const { subscriptions } = await openFor(open);
      await subscriptions.subscribe(subscription("bob", "x"), 2);
      for (const it of ["a", "b", "a", "c"]) {
        await subscriptions.subscribe(subscription("ann", it), 2);
      }
      const kept = await subscriptions.ofMembers(["ann"]);
      expect(kept).toEqual([subscription("ann", "c"), subscription("ann", "a")]);
      expect(await subscriptions.ofMembers(["bob"])).toHaveLength(1);
    });

    test("what is forgotten is counted once", async () => {
      const { subscriptions } = await openFor(open);
      for (const it of ["a", "b", "c", "d"]) {
        await subscriptions.subscribe(subscription("ann", it), 10);
      }
      const endpoints = ["a", "b", "a", "z"].map((it) => subscription("", it).endpoint);
      expect(await subscriptions.unsubscribe(endpoints)).toBe(2);
      expect(await subscriptions.forgetMember("bob")).toBe(0);
      expect(await subscriptions.forgetMember("ann")).toBe(2);
      expect(await subscriptions.ofMembers(["ann"])).toEqual([]);
    });

    test("one whose endpoint is suppressed is not given out until that is lifted", async () => {
      const { subscriptions, suppressions } = await openFor(open);
      const it = subscription("ann", "a");
      await subscriptions.subscribe(it, 10);
      const entry = { value: it.endpoint, why: "gone", by: "provider:webpush", at: 1 };
      await suppressions.suppress([{ kind: "member", ...entry }]);
      expect(await subscriptions.ofMembers(["ann"])).toEqual([it]);
      await suppressions.suppress([{ kind: "address", ...entry }]);
      expect(await subscriptions.ofMembers(["ann"])).toEqual([]);
      await suppressions.unsuppress("address", it.endpoint);
      expect(await subscriptions.ofMembers(["ann"])).toEqual([it]);
    });
  });
}
