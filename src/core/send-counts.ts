/**
 * What became of the recipients of a page or a run, as far as its workers know. Each recipient
 * counts once.
 */
export interface SendCounts {
  /** The provider confirmed that it is done with it, or a receipt did. */
  readonly delivered: number;
  /** The provider took it and settles it later in its own ledger. */
  readonly handed: number;
  /** The provider refused it for good, or it was given up after retries. */
  readonly shed: number;
  /** In doubt after a crash or a lost answer. */
  readonly unknown: number;
  /** The provider says that the address is bad. */
  readonly invalid: number;
  /** In the control group, which gets nothing. */
  readonly held: number;
  /** Over the frequency cap. */
  readonly capped: number;
  /** Not sent for another rule, as a variable without value. */
  readonly skipped: number;
}

export const noCounts: SendCounts = Object.freeze({
  delivered: 0,
  handed: 0,
  shed: 0,
  unknown: 0,
  invalid: 0,
  held: 0,
  capped: 0,
  skipped: 0,
});

export function addCounts(a: SendCounts, b: SendCounts): SendCounts {
  return {
    delivered: a.delivered + b.delivered,
    handed: a.handed + b.handed,
    shed: a.shed + b.shed,
    unknown: a.unknown + b.unknown,
    invalid: a.invalid + b.invalid,
    held: a.held + b.held,
    capped: a.capped + b.capped,
    skipped: a.skipped + b.skipped,
  };
}

/** Adds up counts by name; a name that only one side has is kept. */
export function addByName(
  a: Readonly<Record<string, SendCounts>>,
  b: Readonly<Record<string, SendCounts>>,
): Record<string, SendCounts> {
  const sum: Record<string, SendCounts> = { ...a };
  for (const [name, counts] of Object.entries(b)) {
    sum[name] = addCounts(sum[name] ?? noCounts, counts);
  }
  return sum;
}

/** Recipients in all. */
export function totalOf(counts: SendCounts): number {
  const { delivered, handed, shed, unknown, invalid, held, capped, skipped } = counts;
  return delivered + handed + shed + unknown + invalid + held + capped + skipped;
}
