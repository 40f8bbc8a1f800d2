import type { Subscription, SubscriptionStore } from "../ports/subscriptions.ts";
import type { SuppressionStore } from "../ports/suppressions.ts";
import type { Synchronous } from "../synchronous.ts";

/** Subscriptions in a map by endpoint, the latest last. */
export function memorySubscriptions(
  suppressions: Pick<Synchronous<SuppressionStore>, "read">,
): Synchronous<SubscriptionStore> {
  const all = new Map<string, Subscription>();
  const newestOf = (member: string): Subscription[] =>
    [...all.values()].filter((it) => it.member === member).reverse();

  return {
    subscribe(subscription, perMemberMax) {
      all.delete(subscription.endpoint);
      all.set(subscription.endpoint, { ...subscription });
      const tooMany = newestOf(subscription.member).slice(perMemberMax);
      for (const { endpoint } of tooMany) all.delete(endpoint);
    },
    ofMembers: (members) =>
      [...new Set(members)]
        .flatMap(newestOf)
        .filter(({ endpoint }) => suppressions.read("address", endpoint) === undefined),
    unsubscribe: (endpoints) => endpoints.filter((endpoint) => all.delete(endpoint)).length,
    forgetMember: (member) =>
      newestOf(member).filter(({ endpoint }) => all.delete(endpoint)).length,
  };
}
