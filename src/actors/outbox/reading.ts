import { ok } from "../../core/result.ts";
import type { UploadsRead } from "../../persistence/ports/outbox.ts";
import type { Ctx, Desk, Message, OutboxState, ReadRequest, Waiter } from "./state.ts";

/** Answers with the next uploads of a consumer, or once there are some, or when it has waited. */
export function readUploads(state: OutboxState, request: ReadRequest, desk: Desk, ctx: Ctx) {
  const until = ctx.monotonic + request.request.waitMs;
  return lookFor(state, { request, until, read: undefined }, desk, ctx);
}

/** What has been looked at before is not looked at again: it may be much, of other kinds. */
function lookFor(
  state: OutboxState,
  { request, until, read }: Looking,
  { store, limits }: Desk,
  ctx: Ctx,
): OutboxState {
  const { growth } = state;
  const { consumer, kinds, limit } = request.request;
  const { charactersMax } = limits;
  const after = read?.upTo ?? request.request.after;
  ctx.perform(
    () => store.next({ consumer, after, kinds, limit, charactersMax }),
    (outcome) => ({
      ...{ type: "looked", request, until, growth },
      outcome: outcome.ok ? ok(joined(read, outcome.value)) : outcome,
    }),
  );
  return state;
}

interface Looking {
  readonly request: ReadRequest;
  readonly until: number;
  /** What the look before it found; undefined for the first. */
  readonly read: UploadsRead | undefined;
}

function joined(before: UploadsRead | undefined, found: UploadsRead): UploadsRead {
  return { ...found, missed: found.missed + (before?.missed ?? 0) };
}

export function looked(
  state: OutboxState,
  { request, until, growth, outcome }: Extract<Message, { type: "looked" }>,
  desk: Desk,
  ctx: Ctx,
): OutboxState {
  const { limits, figures } = desk;
  const mayWait = until > ctx.monotonic && !state.isReleased;
  if (!outcome.ok || outcome.value.uploads.length > 0 || !mayWait) {
    if (outcome.ok) figures.read.add(outcome.value.uploads.length);
    ctx.reply(request, outcome);
    return state;
  }
  if (state.waiters.size >= limits.waitersMax) {
    ctx.reply(request, outcome);
    return state;
  }
  const number = ++state.number;
  state.waiters.set(number, { request, until, read: outcome.value });
  ctx.setTimer(timerOf(number), until - ctx.monotonic, { type: "waited", number });
  // What came while the store was looking, it may not have seen.
  if (growth !== state.growth) ctx.setTimer("look", limits.lookEveryMs, { type: "look" });
  return state;
}

/** Those who wait look at once, unless they have just done so. */
export function grown(state: OutboxState, desk: Desk, ctx: Ctx): OutboxState {
  state.growth += 1;
  if (state.waiters.size === 0) return state;
  const dueInMs = state.lookedAt + desk.limits.lookEveryMs - ctx.monotonic;
  if (dueInMs <= 0) return look(state, desk, ctx);
  ctx.setTimer("look", dueInMs, { type: "look" });
  return state;
}

export function look(state: OutboxState, desk: Desk, ctx: Ctx): OutboxState {
  state.lookedAt = ctx.monotonic;
  for (const waiter of takeAll(state, ctx)) lookFor(state, waiter, desk, ctx);
  return state;
}

export function waited(state: OutboxState, number: number, ctx: Ctx): OutboxState {
  const waiter = state.waiters.get(number);
  if (waiter === undefined) return state;
  state.waiters.delete(number);
  ctx.reply(waiter.request, ok(waiter.read));
  return state;
}

export function release(state: OutboxState, ctx: Ctx): OutboxState {
  state.isReleased = true;
  for (const { request, read } of takeAll(state, ctx)) ctx.reply(request, ok(read));
  return state;
}

function takeAll(state: OutboxState, ctx: Ctx): Waiter[] {
  const waiters = [...state.waiters.values()];
  for (const number of state.waiters.keys()) ctx.clearTimer(timerOf(number));
  state.waiters.clear();
  return waiters;
}

function timerOf(number: number): string {
  return `wait ${number}`;
}
