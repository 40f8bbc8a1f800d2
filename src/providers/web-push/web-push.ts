import { createHash } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { WebPushSettings } from "../../core/config-providers.ts";
import { isPushService, type VapidKeys, WEB_PUSH } from "../../core/web-push.ts";
import type { Subscription, SubscriptionStore } from "../../persistence/ports/subscriptions.ts";
import { type Poster, poster } from "../post.ts";
import type { ItemResult, Provider, ProviderItem, SendOptions } from "../provider.ts";
import { type BrowserResult, browserResultOf, memberResultOf } from "./answer.ts";
import { type Content, contentOf, payloadProblems } from "./content.ts";
import { encrypt } from "./encryption.ts";
import { Spread } from "./spread.ts";
import { Vapid } from "./vapid.ts";

/** The longest answer that is read, in bytes. Push services answer next to nothing. */
const ANSWER_BYTES_MAX = 65_536;
/** The longest that push services keep a message: 28 days. */
const TTL_SECONDS_MAX = 2_419_200;
const TOPIC_LENGTH = 32;
/** Messages encrypted in a row, which takes about four milliseconds. */
const ENCRYPTED_AT_ONCE = 16;
/** When to try again when the store cannot be asked, in milliseconds. */
const STORE_AGAIN_MS = 1_000;

export interface WebPushDeps {
  readonly settings: WebPushSettings;
  readonly keys: VapidKeys;
  readonly subscriptions: Pick<SubscriptionStore, "ofMembers" | "unsubscribe">;
  readonly clock: Clock;
}

/** A provider that holds connections. */
export interface WebPushProvider extends Provider {
  close(): void;
}

/**
 * Sends to members' browsers through the push services that these have chosen, encrypted so that
 * only the browser can read it.
 *
 * A message to a member goes to all of the member's browsers, each a request of its own. It never
 * sends by itself again. A subscription that is gone is forgotten at once.
 *
 * @see RFC 8030, RFC 8291, RFC 8292
 */
export function webPushProvider({ settings, ...deps }: WebPushDeps): WebPushProvider {
  const { maxBatch, maxInFlight, connections, timeoutMs, subject } = settings;
  const { clock, keys } = deps;
  const sender: Sender = {
    ...{ ...deps, settings, vapid: new Vapid({ keys, subject, clock }) },
    spread: new Spread(ENCRYPTED_AT_ONCE, clock),
    way: poster({ connectionsMax: connections, timeoutMs, clock }),
  };
  return {
    name: WEB_PUSH,
    capabilities: {
      maxBatch,
      maxInFlight,
      // A message that waits is replaced by its own copy, and pages show the copy in its place.
      idempotency: "collapse",
      keyTtlMs: 0,
      receipts: "none",
      dryRun: false,
    },
    payloadProblems,
    sendBatch: (items, options) => sendBatch(sender, items, options),
    close: () => sender.way.close(),
  };
}

interface Sender extends Omit<WebPushDeps, "keys"> {
  readonly vapid: Vapid;
  readonly spread: Spread;
  readonly way: Poster;
}

/** One request: a message for one browser. */
interface Job {
  readonly item: ProviderItem;
  readonly content: Content;
  readonly browser: Subscription;
  readonly results: BrowserResult[];
}

async function sendBatch(
  sender: Sender,
  items: readonly ProviderItem[],
  options: SendOptions,
): Promise<readonly ItemResult[]> {
  if (items.length === 0) return [];
  const browsers = await browsersOf(sender, items);
  if (browsers === undefined) {
    const reason = "the store cannot say which browsers members have";
    const retryAfterMs = STORE_AGAIN_MS;
    return items.map(() => ({ status: "throttled", cause: "busy", reason, retryAfterMs }));
  }
  const jobs: Job[] = [];
  const ended = items.map((item) => {
    const content = contentOf(item.payload, item.id);
    if ("reason" in content) return [{ status: "refused", reason: content.reason } as const];
    const results: BrowserResult[] = [];
    for (const browser of browsers.get(item.member) ?? []) {
      jobs.push({ item, content, browser, results });
    }
    return results;
  });
  const gone: string[] = [];
  await inParallel(jobs, sender.settings.connections, async (job) => {
    const result = await send(sender, job, options);
    job.results.push(result);
    if (result.gone === true) gone.push(job.browser.endpoint);
  });
  await forget(sender, gone);
  return items.map(({ member }, index) => {
    const result = memberResultOf(ended[index]!);
    if (result.status !== "invalid") return result;
    // The browsers are bad, not the member, who may be reached in other ways.
    return { ...result, addresses: browsers.get(member)!.map(({ endpoint }) => endpoint) };
  });
}

async function browsersOf({ subscriptions }: Sender, items: readonly ProviderItem[]) {
  try {
    const found = await subscriptions.ofMembers(items.map(({ member }) => member));
    return Map.groupBy(found, ({ member }) => member);
  } catch {
    return undefined;
  }
}

async function send(sender: Sender, job: Job, options: SendOptions): Promise<BrowserResult> {
  const { vapid, way, settings, spread, clock } = sender;
  const { item, content, browser } = job;
  const { deadline, signal } = options;
  if (!isPushService(browser.endpoint, settings.services)) {
    return { status: "refused", reason: "its push service is not one of providers.webPush" };
  }
  const url = new URL(browser.endpoint);
  await spread.turn();
  const body = encryptedFor(browser, content);
  if (body === undefined) return { status: "refused", reason: "its keys cannot be used" };
  const authorization = await vapid.authorization(url.origin);
  const outcome = await way.post({
    ...{ url, body, deadline, signal, answerBytesMax: ANSWER_BYTES_MAX },
    headers: () => ({
      authorization,
      "content-encoding": "aes128gcm",
      "content-type": "application/octet-stream",
      ttl: String(ttlSeconds(item.expiresAt - clock.now())),
      urgency: content.urgency ?? settings.urgency,
      topic: content.topic ?? topicOf(item.id),
    }),
  });
  return browserResultOf(outcome, clock.now());
}

/** Undefined for keys that were stored and yet are none: nothing can be sent to them. */
function encryptedFor(browser: Subscription, { text }: Content): Buffer | undefined {
  try {
    return encrypt(Buffer.from(text), browser);
  } catch {
    return undefined;
  }
}

function ttlSeconds(ms: number): number {
  return Math.min(Math.max(0, Math.floor(ms / 1000)), TTL_SECONDS_MAX);
}

/** The same for the same item, so that its copy takes its place while it waits. */
function topicOf(id: string): string {
  return createHash("sha256").update(id).digest("base64url").slice(0, TOPIC_LENGTH);
}

/** One that cannot be forgotten now is gone the next time, too. */
async function forget({ subscriptions }: Sender, endpoints: readonly string[]): Promise<void> {
  if (endpoints.length === 0) return;
  await subscriptions.unsubscribe(endpoints).catch(() => 0);
}

/** Runs all jobs, so many at a time. */
async function inParallel<T>(
  jobs: readonly T[],
  limit: number,
  run: (job: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < jobs.length) await run(jobs[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(limit, jobs.length) }, lane));
}
