import { RuntimeError } from "../../core/errors.ts";
import { takeFront } from "../../core/queue.ts";
import { fail, ok } from "../../core/result.ts";
import type { Settlement } from "../../persistence/ports/inbox.ts";
import type { ActorType } from "../kernel/actor.ts";
import { userKind } from "../user/messages.ts";
import { clerkKind, type InboxMessage } from "./messages.ts";
import { roundDone } from "./outcome.ts";
import { lostRound, runRound } from "./round.ts";
import {
  type AppendRequest,
  type ClerkDeps,
  type ClerkState,
  type Ctx,
  type Message,
  newClerk,
  type ReadWaiters,
  type Round,
} from "./state.ts";

/** Everybody's requests meet here; the queues behind it have their own limits. */
const MAILBOX_MAX = 200_000;
const BEHIND_MAX = 10_000;

/** When a refused append may be tried again, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

type Of<Type extends InboxMessage["type"]> = Extract<InboxMessage, { type: Type }>;

/**
 * The inbox clerk: everything that concerns inboxes goes to the store through it.
 *
 * While one round is with the store, what comes in accumulates, and goes as the next one. So the
 * rounds grow with the load by themselves: 15 000 logins in a minute are a few hundred reads.
 */
export function clerkType(deps: ClerkDeps): ActorType<ClerkState, Message> {
  return {
    label: "inbox",
    kind: clerkKind,
    onStart: { type: "start" },
    mailbox: { max: MAILBOX_MAX, overflow: "refuse" },
    restart: "permanent",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "start":
          return start(deps, ctx);
        case "append":
          return append(state, message, deps, ctx);
        case "read":
          return read(state, message, deps, ctx);
        case "settle":
          return settle(state, message.settlements, deps, ctx);
        case "flush":
          return flush(state, message, deps, ctx);
        case "round-done":
          roundDone(state, message.round, message.outcome, { deps, ctx });
          return startRound(state, deps, ctx);
        case "settle-again":
          state.settlePaused = false;
          return startRound(state, deps, ctx);
        case "expire":
          return expire(state, deps, ctx);
        case "purge":
          return purge(state, deps, ctx);
        case "delivery-refused":
          return deliveryRefused(state, message.user);
      }
    },
  };
}

function start({ limits }: ClerkDeps, ctx: Ctx): ClerkState {
  ctx.setTimer("expire", limits.expireEveryMs, { type: "expire" });
  ctx.setTimer("purge", limits.purgeEveryMs, { type: "purge" });
  return newClerk();
}

function append(state: ClerkState, request: Of<"append">, deps: ClerkDeps, ctx: Ctx) {
  const { items } = request;
  if (items.length === 0) {
    ctx.reply(request, ok([]));
    return state;
  }
  if (state.itemsWaiting + items.length > deps.limits.appendsMax) {
    const message = `${state.itemsWaiting} items wait for the inbox store already`;
    const options = { retryAfterMs: RETRY_AFTER_MS };
    ctx.reply(request, fail(new RuntimeError("store.unavailable", message, options)));
    return state;
  }
  enqueue(state.appends, request);
  state.itemsWaiting += items.length;
  return startRound(state, deps, ctx);
}

/** Behind all that are at least as urgent. */
function enqueue(appends: AppendRequest[], request: AppendRequest): void {
  const { priority = 0 } = request;
  let at = appends.length;
  while (at > 0 && (appends[at - 1]!.priority ?? 0) < priority) at -= 1;
  if (at === appends.length) appends.push(request);
  else appends.splice(at, 0, request);
}

function read(state: ClerkState, request: Of<"read">, deps: ClerkDeps, ctx: Ctx) {
  const { user, replyTo } = request;
  const waiting = state.reads.get(user);
  if (waiting !== undefined) waiting.push(replyTo);
  else if (state.reads.size < deps.limits.readsMax) state.reads.set(user, [replyTo]);
  else {
    const message = `${state.reads.size} users wait for their inbox already`;
    ctx.reply(request, fail(new RuntimeError("store.unavailable", message)));
    return state;
  }
  return startRound(state, deps, ctx);
}

function settle(
  state: ClerkState,
  settlements: readonly Settlement[],
  deps: ClerkDeps,
  ctx: Ctx,
): ClerkState {
  const room = deps.limits.settlementsMax - state.settlements.length;
  const lost = settlements.length - room;
  if (lost > 0) {
    deps.figures.settlementsLost.add(lost);
    const fields = { lost, waiting: state.settlements.length };
    deps.logger.warn("settlements were given up: their items stay pending and come again", fields);
  }
  for (const settlement of lost > 0 ? settlements.slice(0, room) : settlements) {
    state.settlements.push(settlement);
    state.settlementsTaken++;
  }
  return startRound(state, deps, ctx);
}

function flush(state: ClerkState, request: Of<"flush">, deps: ClerkDeps, ctx: Ctx): ClerkState {
  const { replyTo } = request;
  if (state.settlementsDone === state.settlementsTaken) ctx.reply(request, ok(0));
  else state.flushes.push({ replyTo, until: state.settlementsTaken });
  return startRound(state, deps, ctx);
}

function expire(state: ClerkState, deps: ClerkDeps, ctx: Ctx): ClerkState {
  ctx.setTimer("expire", deps.limits.expireEveryMs, { type: "expire" });
  state.expireDue = true;
  for (const user of state.behind) {
    const ref = ctx.find(userKind, user);
    if (ref !== undefined) ctx.send(ref, { type: "deliver", items: [] });
  }
  state.behind.clear();
  return startRound(state, deps, ctx);
}

function purge(state: ClerkState, deps: ClerkDeps, ctx: Ctx): ClerkState {
  ctx.setTimer("purge", deps.limits.purgeEveryMs, { type: "purge" });
  state.purgeDue = true;
  return startRound(state, deps, ctx);
}

/** Beyond the limit a user looks again when the next item comes and does not fit. */
function deliveryRefused(state: ClerkState, user: string): ClerkState {
  if (state.behind.size < BEHIND_MAX) state.behind.add(user);
  return state;
}

/** Gives the store what has accumulated, unless it is still at work. */
function startRound(state: ClerkState, deps: ClerkDeps, ctx: Ctx): ClerkState {
  if (state.busy) return state;
  const { store, limits, figures } = deps;
  const round = takeRound(state, limits.batchMax);
  const users = [...round.reads.keys()];
  const { settlements, items } = round;
  if (settlements.length > 0) figures.sizes.settle.observe(settlements.length);
  if (items.length > 0) figures.sizes.append.observe(items.length);
  if (users.length > 0) figures.sizes.read.observe(users.length);
  const asked = settlements.length + items.length + users.length;
  if (asked === 0 && !round.expire && !round.purge) return state;
  const work = {
    settlements,
    items,
    users,
    expire: round.expire ? { limit: limits.expireMax } : undefined,
    purge: round.purge ? { before: ctx.now - limits.keyTtlMs, limit: limits.purgeMax } : undefined,
    now: ctx.now,
  };
  figures.waiting.settle.set(state.settlements.length);
  figures.waiting.append.set(state.itemsWaiting);
  figures.waiting.read.set(state.reads.size);
  state.busy = true;
  ctx.perform(
    () => runRound(store, work),
    (outcome) => ({
      type: "round-done",
      round,
      outcome: outcome.ok ? outcome.value : lostRound(outcome.error),
    }),
  );
  return state;
}

/** Takes up to one batch of each kind out of the queues. */
function takeRound(state: ClerkState, batchMax: number): Round {
  const { expireDue: expire, purgeDue: purge } = state;
  state.expireDue = false;
  state.purgeDue = false;
  const settlements = state.settlePaused ? [] : state.settlements.splice(0, batchMax);
  // Whole requests, as each is all or nothing; a big one goes alone.
  const sizeOf = ({ items }: AppendRequest) => items.length;
  const { taken: appends, size } = takeFront(state.appends, sizeOf, { size: batchMax });
  state.itemsWaiting -= size;
  const items = appends.length === 1 ? appends[0]!.items : appends.flatMap((one) => one.items);
  const reads = new Map<string, ReadWaiters>();
  for (const [user, refs] of state.reads) {
    if (reads.size === batchMax) break;
    reads.set(user, refs);
    state.reads.delete(user);
  }
  return { settlements, appends, items, reads, expire, purge };
}
