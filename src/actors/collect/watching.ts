import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { isRunning } from "../../core/task.ts";
import type { Ref } from "../kernel/actor.ts";
import type { Audience, AudienceProgress } from "./messages.ts";
import type { CollectionState, Ctx, Look, Run } from "./state.ts";
import { shown } from "./store.ts";

/** Subscribers hear of progress at most this often, in milliseconds; of states at once. */
const TELL_EVERY_MS = 500;
const SUBSCRIBERS_MAX = 100;

/** Answers with how far it is, and goes on telling whoever asks for that. */
export function look(state: CollectionState, request: Look, ctx: Ctx): CollectionState {
  const progress = progressOf(state, ctx);
  if (progress === undefined) return state;
  ctx.reply(request, ok(progress));
  if (request.type === "read-audience-progress") return state;
  const { subscriber } = request;
  ctx.watch(subscriber, () => ({ type: "subscriber-ended", subscriber }));
  const others = state.subscribers.filter((it) => it !== subscriber);
  // The oldest makes room: it can subscribe again, and a forgotten one cannot block the rest.
  return { ...state, subscribers: [...others, subscriber].slice(-SUBSCRIBERS_MAX) };
}

export function unsubscribe(
  state: CollectionState,
  subscriber: Ref<AudienceProgress>,
): CollectionState {
  return { ...state, subscribers: state.subscribers.filter((it) => it !== subscriber) };
}

/** Answers who waits for the end, and tells subscribers what has changed since `before`. */
export function tell(state: CollectionState, before: CollectionState, ctx: Ctx): CollectionState {
  const rested = answerWaiting(state, ctx);
  if (rested.subscribers.length === 0) return rested;
  const isOther = rested.audience !== before.audience;
  if (isOther) return publish(rested, ctx);
  if (rested.run === before.run || rested.publishing) return rested;
  ctx.setTimer("publish", TELL_EVERY_MS, { type: "publish" });
  return { ...rested, publishing: true };
}

export function publish(state: CollectionState, ctx: Ctx): CollectionState {
  const progress = progressOf(state, ctx);
  if (progress === undefined) return state;
  const told = JSON.stringify({ ...progress, rate: 0, at: 0 });
  if (told === state.told) return state;
  for (const subscriber of state.subscribers) ctx.send(subscriber, progress);
  return { ...state, told };
}

function answerWaiting(state: CollectionState, ctx: Ctx): CollectionState {
  const { audience, waiting, changing } = state;
  if (waiting.length === 0 || audience === undefined || changing) return state;
  if (isRunning(audience.state)) return state;
  const answer = restAnswer(audience);
  for (const wait of waiting) ctx.reply(wait, answer);
  return { ...state, waiting: [] };
}

/** What somebody hears who waited for an audience to rest. */
export function restAnswer(audience: Audience): Result<Audience> {
  if (audience.state !== "failed") return ok(shown(audience));
  return fail(new RuntimeError("audience.failed", `${audience.id} failed: ${audience.why}`));
}

function progressOf(state: CollectionState, ctx: Ctx): AudienceProgress | undefined {
  const { audience, run, held } = state;
  if (audience === undefined) return undefined;
  const resting = restingProgress(audience, ctx.now);
  const begun = run ?? held;
  if (begun === undefined) return resting;
  const { done, pull } = begun;
  const { pages, items, invalid } = pull;
  return {
    ...resting,
    ...{ partitionsDone: done.partitions, size: done.size, duplicates: done.duplicates },
    ...{ excluded: done.excluded, pulled: { pages, items, invalid } },
    ...(run === undefined ? {} : { trouble: run.trouble, rate: rateOf(run, ctx) }),
  };
}

function rateOf({ done, pull, doneBefore, begunAt }: Run, ctx: Ctx): number {
  const seconds = (ctx.monotonic - begunAt) / 1_000;
  return seconds <= 0 ? 0 : (done.size + pull.items - doneBefore) / seconds;
}

/** Of an audience that nobody works on. */
export function restingProgress(audience: Audience, at: number): AudienceProgress {
  const { id, state, why, epoch, partitions, size, duplicates, lines, invalid } = audience;
  const isPull = audience.source?.type === "pull";
  return {
    ...{ id, state, why, epoch, partitions, size, duplicates, at },
    partitionsDone: state === "finished" ? partitions : 0,
    excluded: audience.excluded ?? { optedOut: 0, suppressed: 0, noAddress: 0 },
    pulled: { pages: 0, items: isPull ? lines : 0, invalid: isPull ? invalid : 0 },
    trouble: "",
    rate: 0,
  };
}
