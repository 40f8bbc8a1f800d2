import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { isRunning, judge, type Verdict } from "../../core/task.ts";
import type { Audience, AudienceAnswer } from "./messages.ts";
import { planCollection } from "./plan.ts";
import { beginRun, endRun, heldOf } from "./run.ts";
import type {
  Change,
  CollectionDeps,
  CollectionState,
  Command,
  Ctx,
  Loaded,
  Message,
} from "./state.ts";
import { shown } from "./store.ts";

/** Collections that run at a time on a node. */
const RUNNING_MAX = 16;
const BUSY_MS = 5_000;
/** How often a change is decided anew because somebody else was faster. */
const CONFLICTS_MAX = 3;
/** How long a change that the store did not take is left alone, in milliseconds. */
const AGAIN_MS = 1_000;

/** Decides a command by the state that holds, and persists the change before anything acts. */
export function command(
  state: CollectionState,
  message: Command,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const { audience } = state;
  if (audience === undefined) return state;
  const decision = decide(audience, message);
  if (decision.type === "answer") {
    ctx.reply(message, decision.answer);
    return state;
  }
  const { to, newRun } = decision;
  const { by, why } = message;
  return persist(state, { command: message, to, newRun, by, why, attempts: 1 }, deps, ctx);
}

type Decision =
  | { readonly type: "answer"; readonly answer: Result<AudienceAnswer> }
  | Extract<Verdict, { readonly type: "change" }>;

/** What a command does to an audience: a change, or nothing but an honest answer. */
export function decide(audience: Audience, message: Command): Decision {
  const asked = message.command === "proceed" ? "resume" : message.command;
  const verdict = judge(audience.state, asked);
  switch (verdict.type) {
    case "refused":
      return { type: "answer", answer: fail(refusal(audience, message, verdict.allowed)) };
    case "holds": {
      const answer = { before: audience.state, audience: shown(audience), changed: false };
      return { type: "answer", answer: ok(answer) };
    }
    case "change": {
      if (audience.source !== undefined) return verdict;
      return { type: "answer", answer: fail(fedError(audience, message)) };
    }
  }
}

/** Writes a change of state; its outcome comes as `changed`. */
export function persist(
  state: CollectionState,
  change: Change,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const before = state.audience!;
  const at = ctx.now;
  ctx.perform(
    () => write(before, change, at, deps),
    (outcome) => ({ type: "changed", change, outcome }),
  );
  return { ...state, changing: true };
}

async function write(
  before: Audience,
  { to, newRun, by, why, made }: Change,
  at: number,
  deps: CollectionDeps,
): Promise<Loaded> {
  const { collections } = deps;
  if (isRunning(to) && !isRunning(before.state)) await mustHaveRoom(deps);
  const plan = newRun ? await planCollection(before.source!, at, deps) : undefined;
  const begun = plan === undefined ? {} : { ...emptied(before), partitions: plan.partitions };
  const audience = { ...before, ...begun, ...made, state: to, by, why, changedAt: at };
  const { state, epoch } = before;
  await collections.transition(audience, { state, epoch }, plan);
  return { audience, run: await collections.run(audience.id) };
}

/** @throws RuntimeError `gateway.busy`. */
async function mustHaveRoom({ collections }: CollectionDeps): Promise<void> {
  if ((await collections.running()).length < RUNNING_MAX) return;
  const message = `${RUNNING_MAX} audiences are being collected`;
  throw new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_MS });
}

/** As it was before the first run, in the next epoch. */
function emptied({ excluded: _, epoch, ...audience }: Audience): Audience {
  const counts = { size: 0, pages: 0, lines: 0, duplicates: 0, invalid: 0 };
  return { ...audience, ...counts, hash: "", epoch: epoch + 1 };
}

/** The store has answered: now the change may act. */
export function changed(
  state: CollectionState,
  { change, outcome }: Extract<Message, { type: "changed" }>,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  if (outcome.ok) {
    if (change.command !== undefined) {
      const before = state.audience!.state;
      const audience = shown(outcome.value.audience);
      ctx.reply(change.command, ok({ before, audience, changed: true }));
    }
    return adopt({ ...state, changing: false }, outcome.value, deps, ctx);
  }
  const { error } = outcome;
  if (error.code === "store.conflict" && change.attempts < CONFLICTS_MAX) {
    ctx.perform(
      () => load(state.id, deps),
      (read) => ({ type: "read-again", change, outcome: read }),
    );
    return state;
  }
  const settled = { ...state, changing: false };
  if (change.command === undefined) return rest(settled, ctx);
  const isConflict = error.code === "store.conflict";
  const told = isConflict ? new RuntimeError("audience.conflict", error.message) : error;
  ctx.reply(change.command, fail(told));
  return settled;
}

/** Somebody else changed the audience: decide again by what holds. */
export function readAgain(
  state: CollectionState,
  { change, outcome }: Extract<Message, { type: "read-again" }>,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const settled = { ...state, changing: false };
  const found = outcome.ok ? outcome.value : undefined;
  if (found === undefined) {
    const error = outcome.ok ? unknownAudience(state.id) : outcome.error;
    if (change.command === undefined) return rest(settled, ctx);
    ctx.reply(change.command, fail(error));
    return settled;
  }
  const fresh = adopt(settled, found, deps, ctx);
  return change.command === undefined ? fresh : command(fresh, change.command, deps, ctx);
}

/** The store has failed a change that the collection makes by itself: it is tried again later. */
function rest(state: CollectionState, ctx: Ctx): CollectionState {
  ctx.setTimer("check", AGAIN_MS, { type: "check" });
  return { ...state, restsUntil: ctx.monotonic + AGAIN_MS };
}

/** Makes what runs agree with what the store says. */
export function adopt(
  state: CollectionState,
  { audience, run }: Loaded,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const next = { ...state, audience };
  const isSame = state.run?.epoch === audience.epoch;
  if (isRunning(audience.state) && isSame) return next;
  const ended = endRun(next, ctx);
  const runs = isRunning(audience.state) && run !== undefined;
  if (runs) return beginRun(ended, run, deps, ctx);
  return { ...ended, held: run && heldOf(run) };
}

/** Undefined when there is no such audience. */
export async function load(id: string, deps: CollectionDeps): Promise<Loaded | undefined> {
  const [audience, run] = await Promise.all([deps.audiences.read(id), deps.collections.run(id)]);
  return audience && { audience, run };
}

export function unknownAudience(id: string): RuntimeError {
  return new RuntimeError("audience.unknown", `there is no audience ${id.slice(0, 64)}`);
}

function refusal(audience: Audience, message: Command, allowed: readonly string[]): RuntimeError {
  const { id, state } = audience;
  const may = `that allows: ${allowed.join(", ")}`;
  const text = `${message.command} refused: audience ${id} is ${state}; ${may}`;
  return new RuntimeError("audience.refused", text);
}

/** What was fed from outside cannot be fetched again, nor held: only its feeder has it. */
function fedError({ id, state }: Audience, { command: asked }: Command): RuntimeError {
  const text = `${asked} refused: audience ${id} is ${state}, and was imported: import it again`;
  return new RuntimeError("audience.refused", text);
}
