import { RuntimeError } from "../../core/errors.ts";
import { isMemberId } from "../../core/member-rules.ts";
import { describeValue } from "../../core/problems.ts";
import { isBrowserKeys, readSubscription, WEB_PUSH } from "../../core/web-push.ts";
import type { SubscriptionStore } from "../../persistence/ports/subscriptions.ts";
import type { SuppressionStore } from "../../persistence/ports/suppressions.ts";
import type { Browser } from "./messages.ts";
import { invalid } from "./problems.ts";

/** What subscriptions have to obey; from the configuration of web push. */
export interface BrowserLimits {
  /** The push services that they may be of; see `isPushService`. */
  readonly services: readonly string[];
  /** Of one member. */
  readonly subscriptionsMax: number;
}

export interface BrowserDeps {
  readonly subscriptions: SubscriptionStore;
  readonly suppressions: Pick<SuppressionStore, "read">;
  /** Absent: there is no web push, and no browser is taken. */
  readonly browsers?: BrowserLimits | undefined;
}

/**
 * Stores the browser of a member, known or not; returns all that the member has.
 *
 * @throws RuntimeError `provider.unknown` without web push; `member.invalid`, which names every
 * field, also for an endpoint that is suppressed.
 */
export async function subscribe(
  { id, subscription, at }: Readonly<{ id: string; subscription: unknown; at: number }>,
  { subscriptions, suppressions, browsers }: BrowserDeps,
): Promise<{ readonly browsers: readonly Browser[] }> {
  if (browsers === undefined) {
    const message = `there is no provider ${WEB_PUSH}: set providers.webPush`;
    throw new RuntimeError("provider.unknown", message);
  }
  if (!isMemberId(id)) {
    const expected = "1 to 128 characters, none of them a control character";
    throw invalid([{ path: "id", expected, got: describeValue(id) }]);
  }
  const read = readSubscription(subscription, browsers.services);
  if (!isBrowserKeys(read)) throw invalid(read);
  const found = await suppressions.read("address", read.endpoint);
  if (found !== undefined) {
    const expected = `one that is not suppressed (${found.why}): subscribe anew`;
    throw invalid([{ path: "endpoint", expected, got: describeValue(read.endpoint) }]);
  }
  await subscriptions.subscribe({ member: id, ...read, at }, browsers.subscriptionsMax);
  return listBrowsers(id, subscriptions);
}

/** Their keys stay here: they are of no use to anybody else. */
export async function listBrowsers(
  member: string,
  subscriptions: Pick<SubscriptionStore, "ofMembers">,
): Promise<{ readonly browsers: readonly Browser[] }> {
  const found = await subscriptions.ofMembers([member]);
  return { browsers: found.map(({ endpoint, at }) => ({ endpoint, at })) };
}

/** Forgets one browser of a member's, or all of them. */
export async function unsubscribe(
  member: string,
  endpoint: string | undefined,
  subscriptions: SubscriptionStore,
): Promise<{ readonly removed: number }> {
  if (endpoint === undefined) return { removed: await subscriptions.forgetMember(member) };
  const all = await subscriptions.ofMembers([member]);
  const isTheirs = all.some((it) => it.endpoint === endpoint);
  return { removed: isTheirs ? await subscriptions.unsubscribe([endpoint]) : 0 };
}
