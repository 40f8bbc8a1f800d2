import type { Clock } from "../core/clock.ts";
import { type ErrorCode, toRuntimeError } from "../core/errors.ts";
import type { Ledger } from "../core/ledger.ts";
import type { Appended, NewInboxItem } from "../persistence/ports/inbox.ts";
import type { ItemResult, Provider, ProviderItem, SendOptions } from "./provider.ts";

const BATCH_MAX = 1_000;
/** The inbox clerk makes one store call of whatever waits, so there is no harm in many. */
const IN_FLIGHT_MAX = 64;
const RETRY_AFTER_MS = 1_000;

/** Errors that mean that nothing was recorded; after any other it may have been. */
const NOT_DONE: ReadonlySet<ErrorCode> = new Set([
  "mailbox.full",
  "node.draining",
  "store.unavailable",
]);

export interface SessionProviderDeps {
  /** Records items durably and hands them to the users that are here. All or none. */
  readonly append: (items: readonly NewInboxItem[]) => Promise<readonly Appended[]>;
  /** The ledger of that name, with everything in it that was settled before the call. */
  readonly ledger: (name: string) => Promise<Ledger>;
  readonly clock: Pick<Clock, "monotonic">;
  /** How long the inbox recognizes an id after its item was settled, in milliseconds. */
  readonly keyTtlMs: number;
}

/**
 * Sends to members through their own devices: now when they are connected, else from their inbox
 * until it expires.
 *
 * What is recorded is `handed`: the inbox's ledger says where it ended. An id that was recorded
 * before is not a second message, so a window in doubt may be sent again.
 */
export function sessionProvider(deps: SessionProviderDeps): Provider {
  return {
    name: "session",
    capabilities: {
      maxBatch: BATCH_MAX,
      maxInFlight: IN_FLIGHT_MAX,
      idempotency: "key",
      keyTtlMs: deps.keyTtlMs,
      receipts: "none",
      dryRun: false,
    },
    sendBatch: (items, options) => sendBatch(deps, items, options),
    ledger: (name) => deps.ledger(name),
  };
}

async function sendBatch(
  { append, clock }: SessionProviderDeps,
  items: readonly ProviderItem[],
  { ledger, deadline, signal }: SendOptions,
): Promise<readonly ItemResult[]> {
  const entries = items.map(({ member, ...rest }): NewInboxItem => toEntry(rest, member, ledger));
  if (signal.aborted || clock.monotonic() >= deadline) {
    return items.map(() => ({ status: "retry", reason: "the lease has ended" }));
  }
  try {
    await append(entries);
    return items.map(() => ({ status: "handed" }));
  } catch (thrown) {
    const { code, message, retryAfterMs = RETRY_AFTER_MS } = toRuntimeError(thrown);
    const status = NOT_DONE.has(code) ? "retry" : "unknown";
    return items.map(() => ({ status, reason: `${code}: ${message}`, retryAfterMs }));
  }
}

function toEntry(
  { id, topic, payload, ack, expiresAt }: Omit<ProviderItem, "member">,
  user: string,
  ledger: string,
): NewInboxItem {
  return { user, id, ledger, topic, payload, ack, expiresAt };
}
