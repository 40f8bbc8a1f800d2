/**
 * Where every accepted message of a class ended.
 *
 * `accepted` is counted when a message is taken; the other six are counted where it ends, each
 * from its own source, so that the equation can fail and is worth checking.
 */
export interface Ledger {
  readonly accepted: number;
  /** Handed to the device or provider, which does not confirm. */
  readonly delivered: number;
  /** Confirmed by the device. */
  readonly acked: number;
  /** Not taken by anybody before its expiry. */
  readonly expired: number;
  /** Given up because a limit was reached or the receiver refused it. */
  readonly shed: number;
  /** In doubt after a crash or a lost answer: it may or may not have gone. */
  readonly unknown: number;
  /** Still on its way: not yet sent, unconfirmed, or waiting in an inbox. */
  readonly pending: number;
}

export type Outcome = Exclude<keyof Ledger, "accepted" | "pending">;

export const emptyLedger: Ledger = {
  accepted: 0,
  delivered: 0,
  acked: 0,
  expired: 0,
  shed: 0,
  unknown: 0,
  pending: 0,
};

/** Accepted minus everything accounted for; zero when the ledger adds up. */
export function ledgerGap(ledger: Ledger): number {
  const { accepted, delivered, acked, expired, shed, unknown, pending } = ledger;
  return accepted - (delivered + acked + expired + shed + unknown + pending);
}
