import type { Ledger, Outcome } from "../../core/ledger.ts";

/** A message for a user that has been accepted and not yet settled. */
export interface InboxItem {
  readonly user: string;
  /** Position in the user's sequence: 1, 2, 3 ... never used twice. */
  readonly offset: number;
  /** Identity chosen by the sender; a second append with it is not a second message. */
  readonly id: string;
  /** Whose ledger it counts in: `campaign:<id>:<epoch>` or `push`. */
  readonly ledger: string;
  readonly topic: string;
  /** The payload as JSON text. */
  readonly payload: string;
  /** Whether it stays until a device confirms it; otherwise writing it to a device settles it. */
  readonly ack: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export type NewInboxItem = Omit<InboxItem, "offset">;

/** What became of one appended item. */
export interface Appended {
  readonly offset: number;
  /** False when an item with this id was there before (also when it has been settled since). */
  readonly fresh: boolean;
}

/** One user's inbox as a session needs it. */
export interface Inbox {
  readonly user: string;
  /** The highest offset given out so far; 0 when none was. */
  readonly head: number;
  /**
   * The highest offset of an item that was let go without any device's confirmation: shed,
   * unknown, or delivered by a write without `ack`. A device that has seen less may have missed
   * something. Items that expired do not count: they are worth nothing to it.
   */
  readonly forgotten: number;
  /** Unsettled and unexpired, by offset. */
  readonly items: readonly InboxItem[];
}

/** What is known of one appended item. */
export interface Fate {
  readonly offset: number;
  /** How it ended and when; undefined while it waits. */
  readonly settled: { readonly outcome: Outcome; readonly at: number } | undefined;
}

/** The same with the item's id. */
export interface FateOf extends Fate {
  readonly id: string;
}

export interface Settlement {
  readonly user: string;
  readonly offset: number;
  readonly outcome: Outcome;
}

/** How much waits for one user. Over either limit the oldest go; the newest stays. */
export interface InboxLimits {
  /** Unsettled items. */
  readonly perUserMax: number;
  /** Bytes of their payloads, in UTF-8. */
  readonly perUserBytesMax: number;
}

/** Bytes of payloads after which a reading of many inboxes ends with the one it has begun. */
export const READ_BYTES_MAX = 16_777_216;

/**
 * What waits for users, bounded and with expiry, and the ledger of it.
 *
 * A settled item is kept as a bare id for a while, so that a repeated append is recognised.
 */
export interface InboxStore {
  /**
   * Gives each item its offset and keeps it; all or none. Counts `accepted`. A user over
   * one of the `InboxLimits` loses the oldest, counted as `shed`. Durable when it resolves.
   */
  append(items: readonly NewInboxItem[]): Promise<readonly Appended[]>;
  /**
   * The inboxes of these users, in the same order; an empty one for who has none. When those of
   * the first have `READ_BYTES_MAX` together, the others do not come, and are to be asked for anew.
   */
  read(users: readonly string[], now: number): Promise<readonly Inbox[]>;
  /** Settles what is still unsettled; returns how many were. All in one step. */
  settle(settlements: readonly Settlement[], at: number): Promise<number>;
  /** What became of the item with this id; undefined when it is not known, or not any more. */
  fate(id: string): Promise<Fate | undefined>;
  /** The same of the items whose ids begin so, by id; at most `limit`, those after `after`. */
  fates(
    prefix: string,
    page: { readonly after: string; readonly limit: number },
  ): Promise<readonly FateOf[]>;
  /**
   * Settles at most `limit` items whose time has passed as `expired`, the longest expired
   * first; returns how many.
   */
  expire(now: number, limit: number): Promise<number>;
  /** Forgets at most `limit` ids settled before `before`; returns how many. */
  purge(before: number, limit: number): Promise<number>;
  /** `pending` is counted from the items themselves, the rest from where they ended. */
  ledger(name: string): Promise<Ledger>;
  /** The sum over all ledgers. */
  ledgerOfAll(): Promise<Ledger>;
}
