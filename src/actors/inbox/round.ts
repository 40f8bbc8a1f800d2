import type { RuntimeError } from "../../core/errors.ts";
import { toRuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type {
  Appended,
  Inbox,
  InboxStore,
  NewInboxItem,
  Settlement,
} from "../../persistence/ports/inbox.ts";

/** What one round asks of the store; what is empty or undefined is not asked. */
export interface RoundWork {
  readonly settlements: readonly Settlement[];
  readonly items: readonly NewInboxItem[];
  readonly users: readonly string[];
  readonly expire: { readonly limit: number } | undefined;
  readonly purge: { readonly before: number; readonly limit: number } | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How each part ended. A part that was not asked for is a success with nothing in it. */
export interface RoundOutcome {
  readonly settled: Result<number>;
  readonly appended: Result<readonly Appended[]>;
  readonly inboxes: Result<readonly Inbox[]>;
  readonly expired: Result<number>;
  readonly purged: Result<number>;
}

/**
 * Gives the store everything at once, so that it can do it in one transaction.
 *
 * The order matters: who logs in right after confirming something does not get that again, and
 * sees what was appended before. Each part fails for itself. Never rejects.
 */
export async function runRound(store: InboxStore, work: RoundWork): Promise<RoundOutcome> {
  const { settlements, items, users, expire, purge, now } = work;
  const [settled, appended, inboxes, expired, purged] = await Promise.all([
    settlements.length === 0 ? ok(0) : attempt(() => store.settle(settlements, now)),
    items.length === 0 ? ok([]) : attempt(() => store.append(items)),
    users.length === 0 ? ok([]) : attempt(() => store.read(users, now)),
    expire === undefined ? ok(0) : attempt(() => store.expire(now, expire.limit)),
    purge === undefined ? ok(0) : attempt(() => store.purge(purge.before, purge.limit)),
  ]);
  return { settled, appended, inboxes, expired, purged };
}

/** The outcome of a round that could not be run at all. */
export function lostRound(error: RuntimeError): RoundOutcome {
  const lost = fail<never>(error);
  return { settled: lost, appended: lost, inboxes: lost, expired: lost, purged: lost };
}

async function attempt<T>(effect: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await effect());
  } catch (error) {
    return fail(toRuntimeError(error));
  }
}
