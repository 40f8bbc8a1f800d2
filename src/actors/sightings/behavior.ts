import { backoffMs } from "../../core/backoff.ts";
import type { Logger } from "../../core/logger.ts";
import type { Counter, Metrics } from "../../core/metrics.ts";
import type { Result } from "../../core/result.ts";
import type { MemberStore, Sighting } from "../../persistence/ports/members.ts";
import type { ActorType, Context } from "../kernel/actor.ts";
import { type SightingMessage, sightingsKind } from "./messages.ts";

export interface SightingLimits {
  /** A user is written at most once in so long. Default 300 000 ms. */
  readonly everyMs: number;
  /** How often those are written, too, who stay connected. Default 3 600 000 ms. */
  readonly sweepMs: number;
  /** What comes in so long becomes one call of the store. Default 200 ms. */
  readonly flushMs: number;
  /** Users in one call. Default 1 000. */
  readonly batchMax: number;
  /** Users that may wait for the store; more are given up, and counted. Default 100 000. */
  readonly waitingMax: number;
  /** Users remembered as written; of more the oldest may be written again. Default 200 000. */
  readonly recentMax: number;
  /** Pause after a failed call, doubled with each further one. Default 1 000 to 60 000 ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const SIGHTING_LIMITS: SightingLimits = {
  everyMs: 300_000,
  sweepMs: 3_600_000,
  flushMs: 200,
  batchMax: 1_000,
  waitingMax: 100_000,
  recentMax: 200_000,
  retryMinMs: 1_000,
  retryMaxMs: 60_000,
};

export interface SightingDeps {
  readonly members: Pick<MemberStore, "seen">;
  /** Every user who is here. */
  readonly here: () => readonly string[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<SightingLimits>;
}

/** What waits for the store. Changed in place; a restart begins anew. */
interface State {
  /** When each was seen. */
  readonly waiting: Map<string, number>;
  /** When each was last taken for writing, the oldest first. */
  readonly recent: Map<string, number>;
  /** Users of a sweep who are still to be looked at. */
  sweeping: readonly string[];
  /** A call is under way, or a timer runs that leads to the next one. */
  busy: boolean;
  /** Calls that failed in a row. */
  failures: number;
}

type Message =
  | SightingMessage
  | { readonly type: "start" }
  | { readonly type: "sweep" }
  | { readonly type: "flush" }
  | {
      readonly type: "written";
      readonly batch: readonly Sighting[];
      readonly outcome: Result<number>;
    };

type Ctx = Context<Message>;

interface Clerk extends Omit<SightingDeps, "limits" | "metrics"> {
  readonly limits: SightingLimits;
  readonly lost: Counter;
}

export function newSightings(): State {
  return { waiting: new Map(), recent: new Map(), sweeping: [], busy: false, failures: 0 };
}

/**
 * Writes down when members were last seen: in batches, each user at most once in a while.
 *
 * Only connecting, disconnecting and the sweep are told: no message costs anything. Users who are
 * no members cost their place in a batch and change nothing.
 */
export function sightingsClerk(deps: SightingDeps): ActorType<State, Message> {
  const clerk: Clerk = {
    ...deps,
    limits: { ...SIGHTING_LIMITS, ...deps.limits },
    lost: deps.metrics.counter(
      "herald_sightings_lost_total",
      "Times that a member was seen and for which there was no room.",
    ),
  };
  return {
    label: "sightings",
    kind: sightingsKind,
    onStart: { type: "start" },
    mailbox: { max: 100_000, overflow: "drop-newest" },
    restart: "permanent",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "start":
          ctx.setTimer("sweep", clerk.limits.sweepMs, { type: "sweep" });
          return newSightings();
        case "saw":
          return saw(state, message.user, clerk, ctx);
        case "sweep":
          return sweep(state, clerk, ctx);
        case "flush":
          return flush(state, clerk, ctx);
        case "written":
          return written(state, message, clerk, ctx);
      }
    },
  };
}

function saw(state: State, user: string, clerk: Clerk, ctx: Ctx): State {
  if (!note(state, user, clerk, ctx) || state.busy) return state;
  state.busy = true;
  ctx.setTimer("flush", clerk.limits.flushMs, { type: "flush" });
  return state;
}

/** Puts a user on the list unless that was done a while ago; returns whether it did. */
function note(state: State, user: string, { limits, lost }: Clerk, { now }: Ctx): boolean {
  const { waiting, recent } = state;
  const before = recent.get(user);
  if (before !== undefined && now - before < limits.everyMs) return false;
  if (waiting.size >= limits.waitingMax) {
    lost.add(1);
    return false;
  }
  recent.delete(user);
  recent.set(user, now);
  waiting.set(user, now);
  for (const [oldest, at] of recent) {
    if (recent.size <= limits.recentMax && now - at < limits.everyMs) break;
    recent.delete(oldest);
  }
  return true;
}

function sweep(state: State, clerk: Clerk, ctx: Ctx): State {
  ctx.setTimer("sweep", clerk.limits.sweepMs, { type: "sweep" });
  state.sweeping = clerk.here();
  return state.busy ? state : flush(state, clerk, ctx);
}

/** Gives the store one batch; those of a sweep come when nobody else waits. */
function flush(state: State, clerk: Clerk, ctx: Ctx): State {
  const { batchMax } = clerk.limits;
  if (state.waiting.size === 0) {
    for (const user of state.sweeping.slice(0, batchMax)) note(state, user, clerk, ctx);
    state.sweeping = state.sweeping.slice(batchMax);
  }
  const batch: Sighting[] = [];
  for (const [id, at] of state.waiting) {
    if (batch.length >= batchMax) break;
    batch.push({ id, at });
    state.waiting.delete(id);
  }
  state.busy = batch.length > 0 || state.sweeping.length > 0;
  if (!state.busy) return state;
  ctx.perform(
    () => (batch.length === 0 ? Promise.resolve(0) : clerk.members.seen(batch)),
    (outcome) => ({ type: "written", batch, outcome }),
  );
  return state;
}

function written(
  state: State,
  { batch, outcome }: Extract<Message, { type: "written" }>,
  clerk: Clerk,
  ctx: Ctx,
): State {
  if (outcome.ok) {
    state.failures = 0;
    return flush(state, clerk, ctx);
  }
  const { code } = outcome.error;
  clerk.logger.warn("the store did not take when members were seen", { code });
  for (const { id, at } of batch) {
    if (!state.waiting.has(id)) state.waiting.set(id, at);
  }
  const pauseMs = backoffMs(clerk.limits, state.failures, ctx.random());
  state.failures += 1;
  ctx.setTimer("flush", pauseMs, { type: "flush" });
  return state;
}
