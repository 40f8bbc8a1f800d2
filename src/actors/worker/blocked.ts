import type { Result } from "../../core/result.ts";
import type { Recipient } from "../../persistence/ports/audience.ts";
import type { MemberStore } from "../../persistence/ports/members.ts";
import type { Numbered } from "./items.ts";
import type { Cause, Tally } from "./results.ts";

/** Why a member may not be sent to, whatever the audience says. */
export type BlockedBy = "opt-out" | "suppression";

/** Those of a page's members that may not be sent to any more. */
export type Blocked = ReadonlyMap<string, BlockedBy>;

export const NOBODY_BLOCKED: Blocked = new Map();

/** The outcome of asking; a page's windows wait for it. */
export interface BlockedKnown {
  readonly type: "blocked-known";
  readonly serial: number;
  readonly attempts: number;
  readonly outcome: Result<Blocked>;
}

/**
 * Who of a page opted out or was suppressed after its audience was frozen: the audience stays as
 * it was approved, but nobody is sent to who does not want it any more. One call for a page.
 */
export async function readBlocked(
  members: Pick<MemberStore, "blocked"> | undefined,
  recipients: readonly Recipient[],
): Promise<Blocked> {
  if (members === undefined) return NOBODY_BLOCKED;
  const { optedOut, suppressed } = await members.blocked(recipients.map(({ member }) => member));
  if (optedOut.length + suppressed.length === 0) return NOBODY_BLOCKED;
  return new Map<string, BlockedBy>([
    ...suppressed.map((id) => [id, "suppression"] as const),
    ...optedOut.map((id) => [id, "opt-out"] as const),
  ]);
}

const WORDS: Readonly<Record<BlockedBy, string>> = {
  "opt-out": "opted out after the audience was made",
  suppression: "suppressed after the audience was made",
};

/** Leaves out who may not be sent to; who may have got it before is in doubt for good. */
export function withoutBlocked(
  blocked: Blocked,
  items: readonly Numbered[],
  { tally, doubtUntil }: { readonly tally: Tally; readonly doubtUntil: number },
): readonly Numbered[] {
  if (blocked.size === 0) return items;
  return items.filter(({ index, item }) => {
    const rule = blocked.get(item.member);
    if (rule === undefined) return true;
    const isInDoubt = index < doubtUntil;
    const status = isInDoubt ? "unknown" : "skipped";
    const reason = isInDoubt ? `was on its way in a crash; ${WORDS[rule]}` : WORDS[rule];
    const cause: Cause = { status, rule, reason };
    tally.add(status, index, cause);
    return false;
  });
}
