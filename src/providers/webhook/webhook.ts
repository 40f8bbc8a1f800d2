import { createHash } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { WebhookSettings } from "../../core/config-providers.ts";
import type { ItemResult, Provider, ProviderItem, SendOptions } from "../provider.ts";
import { type SignedPoster, signedPoster } from "../signed-post.ts";
import { resultsOf } from "./answer.ts";

/** Room in an answer for each item, and for what is around them, in bytes. */
const RESULT_BYTES_MAX = 2_048;
const ANSWER_BYTES_MIN = 65_536;

export interface WebhookDeps {
  readonly settings: WebhookSettings;
  readonly clock: Clock;
}

/** A provider that holds connections. */
export interface WebhookProvider extends Provider {
  close(): void;
}

/**
 * Sends batches to a server of the user's own, signed, and takes its word for each item.
 *
 * It never sends by itself again: what certainly was not taken comes back as `retry` or
 * `throttled`, what may have been as `unknown`. Only configured addresses are called, and no
 * redirect is followed, so that nobody can point it elsewhere.
 */
export function webhookProvider({ settings, clock }: WebhookDeps): WebhookProvider {
  const { name, maxBatch, maxInFlight, keyTtlMs, timeoutMs, receipts } = settings;
  const url = new URL(settings.url);
  const connections = { connectionsMax: maxInFlight, timeoutMs, clock };
  const way = signedPoster(settings.secrets, connections);
  return {
    name,
    capabilities: {
      maxBatch,
      maxInFlight,
      idempotency: keyTtlMs > 0 ? "key" : "none",
      keyTtlMs,
      receipts: receipts ? "callback" : "none",
      dryRun: false,
    },
    sendBatch: (items, options) => sendBatch({ url, way, clock }, items, options),
    close: () => way.close(),
  };
}

interface Sender {
  readonly url: URL;
  readonly way: SignedPoster;
  readonly clock: Clock;
}

async function sendBatch(
  { url, way, clock }: Sender,
  items: readonly ProviderItem[],
  { ledger, deadline, signal }: SendOptions,
): Promise<readonly ItemResult[]> {
  if (items.length === 0) return [];
  const id = batchId(items);
  const body = Buffer.from(bodyOf(id, ledger, items));
  const outcome = await way.post(id, {
    url,
    body,
    deadline,
    signal,
    answerBytesMax: ANSWER_BYTES_MIN + items.length * RESULT_BYTES_MAX,
  });
  return resultsOf(items, outcome, clock.now());
}

/** The same for the same items in the same order, so that a repeated batch is recognised. */
function batchId(items: readonly ProviderItem[]): string {
  const hash = createHash("sha256");
  for (const { id } of items) hash.update(id).update("\0");
  return `batch_${hash.digest("base64url").slice(0, 22)}`;
}

/** Written piece by piece, because each payload is JSON text already. */
function bodyOf(id: string, ledger: string, items: readonly ProviderItem[]): string {
  const parts = items.map((item) => {
    const { id: key, member, topic, expiresAt } = item;
    const head = JSON.stringify({ id: key, member, topic, expiresAt });
    return `${head.slice(0, -1)},"payload":${item.payload}}`;
  });
  return `{"id":"${id}","ledger":${JSON.stringify(ledger)},"items":[${parts.join(",")}]}`;
}
