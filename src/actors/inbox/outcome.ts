import { backoffMs } from "../../core/backoff.ts";
import { fail, ok } from "../../core/result.ts";
import type { Appended, InboxItem, NewInboxItem } from "../../persistence/ports/inbox.ts";
import { userKind } from "../user/messages.ts";
import type { RoundOutcome } from "./round.ts";
import type { ClerkDeps, ClerkState, Ctx, ReadWaiters, Round } from "./state.ts";

/** What a turn of the clerk works with. */
interface Turn {
  readonly deps: ClerkDeps;
  readonly ctx: Ctx;
}

/** Answers everybody who waited for this round, in the order in which the store did the parts. */
export function roundDone(
  state: ClerkState,
  round: Round,
  outcome: RoundOutcome,
  turn: Turn,
): void {
  state.busy = false;
  const failed = Object.values(outcome).find((part) => !part.ok);
  if (failed !== undefined && !failed.ok) {
    const { code, message } = failed.error;
    turn.deps.figures.failures.add();
    turn.deps.logger.warn("the inbox store failed", { code, message });
  }
  settled(state, round, outcome, turn);
  appended(state, round, outcome, turn);
  answerReads(state, round, outcome, turn);
  const { limits, figures } = turn.deps;
  if (outcome.expired.ok) {
    figures.expired.add(outcome.expired.value);
    if (round.expire && outcome.expired.value >= limits.expireMax) state.expireDue = true;
  }
  if (round.purge && outcome.purged.ok && outcome.purged.value >= limits.purgeMax) {
    state.purgeDue = true;
  }
}

function settled(state: ClerkState, round: Round, outcome: RoundOutcome, turn: Turn): void {
  if (round.settlements.length === 0) return;
  const { ctx, deps } = turn;
  if (outcome.settled.ok) {
    state.settleFailures = 0;
    state.settlementsDone += round.settlements.length;
    for (const { outcome: ended } of round.settlements) deps.figures.settled[ended].add();
    while (state.flushes.length > 0 && state.flushes[0]!.until <= state.settlementsDone) {
      const { replyTo } = state.flushes.shift()!;
      ctx.send(replyTo, ok(round.settlements.length));
    }
    return;
  }
  // What could not be settled goes first when the store is back: nothing is lost, only late.
  state.settlements = [...round.settlements, ...state.settlements];
  for (const { replyTo } of state.flushes.splice(0)) {
    ctx.send(replyTo, fail<number>(outcome.settled.error));
  }
  const delayMs = backoffMs(deps.limits, state.settleFailures, ctx.random());
  state.settleFailures += 1;
  state.settlePaused = true;
  ctx.setTimer("settle", delayMs, { type: "settle-again" });
}

function appended(state: ClerkState, round: Round, outcome: RoundOutcome, turn: Turn): void {
  if (round.appends.length === 0) return;
  if (!outcome.appended.ok) {
    for (const request of round.appends) {
      turn.ctx.reply(request, fail<readonly Appended[]>(outcome.appended.error));
    }
    return;
  }
  const results = outcome.appended.value;
  handOut(state, round, results, turn);
  let from = 0;
  for (const request of round.appends) {
    const { length } = request.items;
    turn.ctx.reply(request, ok(results.slice(from, from + length)));
    from += length;
  }
}

/**
 * Delivers what was recorded to the users that are here, in offset order per user.
 *
 * An item whose id was known goes along: a user that has it ignores it, and one that missed it,
 * because an earlier answer of the store was lost, looks again.
 */
function handOut(
  state: ClerkState,
  round: Round,
  results: readonly Appended[],
  { ctx, deps }: Turn,
): void {
  const byUser = new Map<string, InboxItem[]>();
  round.items.forEach((item, index) => {
    const { offset, fresh } = results[index]!;
    const { user } = item;
    const here = ctx.find(userKind, user) !== undefined;
    if (fresh) deps.figures.appended.add();
    if (fresh && !here) noteUntouched(state, user, offset, deps.limits.untouchedMax);
    if (!here) return;
    const items = byUser.get(user);
    if (items === undefined) byUser.set(user, [withOffset(item, offset)]);
    else items.push(withOffset(item, offset));
  });
  for (const [user, items] of byUser) {
    if (items.length > 1) items.sort((a, b) => a.offset - b.offset);
    const refused = () => ({ type: "delivery-refused", user }) as const;
    ctx.trySend(ctx.find(userKind, user)!, { type: "deliver", items }, refused);
  }
}

function withOffset(item: NewInboxItem, offset: number): InboxItem {
  const { user, id, ledger, topic, payload, ack, expiresAt } = item;
  return { user, offset, id, ledger, topic, payload, ack, expiresAt };
}

/** The first offset counts; who came first is forgotten first, which only costs precision. */
function noteUntouched(state: ClerkState, user: string, offset: number, max: number): void {
  const { untouched } = state;
  if (untouched.has(user)) return;
  if (untouched.size >= max) untouched.delete(untouched.keys().next().value!);
  untouched.set(user, offset);
}

function answerReads(
  state: ClerkState,
  { reads }: Round,
  { inboxes }: RoundOutcome,
  { ctx }: Turn,
): void {
  let index = 0;
  const unread: [string, ReadWaiters][] = [];
  for (const [user, waiting] of reads) {
    if (!inboxes.ok) {
      for (const replyTo of waiting) ctx.send(replyTo, inboxes);
      continue;
    }
    const inbox = inboxes.value[index++];
    if (inbox === undefined) {
      unread.push([user, [...waiting, ...(state.reads.get(user) ?? [])]]);
      continue;
    }
    const newFrom = state.untouched.get(user) ?? inbox.head + 1;
    // From here on a device may be given everything.
    state.untouched.delete(user);
    for (const replyTo of waiting) ctx.send(replyTo, ok({ inbox, newFrom }));
  }
  // Large inboxes come a few at a time; who has waited for a round already is first in the next.
  if (unread.length === 0) return;
  for (const [user] of unread) state.reads.delete(user);
  state.reads = new Map([...unread, ...state.reads]);
}
