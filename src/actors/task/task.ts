import { RuntimeError } from "../../core/errors.ts";
import { fail, type Result } from "../../core/result.ts";
import { OWN_CHANGES, type TaskState } from "../../core/task.ts";
import type { Context } from "../kernel/actor.ts";
import { judged, type TaskNoun, unknownTask } from "./judged.ts";
import type { Asked, Commanded, TaskChange, TaskFields, TaskMessage } from "./state.ts";

const STASH_MAX = 1_000;
/** How long the actor of a task that does nothing stays, in milliseconds. */
const IDLE_MS = 60_000;
/** How often in a row a change is decided anew because somebody else was faster. */
const CONFLICTS_MAX = 3;
/** How long a change that the store did not take is left alone, in milliseconds. */
const AGAIN_MS = 1_000;

/** What one kind of task does in its own way. */
export interface TaskKind<State, Command, Other, Notes, Loaded, Ctx> {
  readonly noun: TaskNoun;
  /** Who makes the changes that it makes by itself, for its log. */
  readonly itself: string;
  /** Undefined in a state that has not been loaded. */
  taskOf(from: State | Loaded): { readonly id: string; readonly state: TaskState } | undefined;
  /** Undefined when there is no such task. */
  load(id: string): Promise<Loaded | undefined>;
  /** The pause after so many loads that failed in a row, in milliseconds. */
  loadPause(failures: number): number;
  /** Whether a request has to wait for a change that is on its way. */
  isChange(request: Command | Other): boolean;
  /** Why nothing can be changed at this time. */
  refusal?(state: State): RuntimeError | undefined;
  /** Whether a command is one that has been obeyed already, whatever has become of it since. */
  isRepeated?(state: State, command: Command): boolean;
  serve(state: State, request: Other, ctx: Ctx): State;
  /** Answers a command with what was before, and what is now. */
  answer(command: Command, before: TaskState, now: State | Loaded, ctx: Ctx): void;
  /** Rejects with `store.conflict` when somebody else was faster. */
  write(state: State, change: TaskChange<Command, Notes>, at: number): Promise<Loaded>;
  /** Makes what runs agree with what the store says. */
  adopt(state: State, loaded: Loaded, ctx: Ctx): State;
  /** Whether it has something to do, or somebody listens. */
  isNeeded(state: State): boolean;
}

/**
 * How the actor of a task behaves, whatever the task: it is loaded, decides commands one after
 * the other, brings each change to the store before anything acts, and ends when nobody needs it.
 */
export class Task<
  State extends TaskFields<Command | Other>,
  Command extends Commanded,
  Other extends Asked,
  Notes,
  Loaded,
  Ctx extends Context<TaskMessage<Command, Notes, Loaded>>,
> {
  readonly #kind: TaskKind<State, Command, Other, Notes, Loaded, Ctx>;

  constructor(kind: TaskKind<State, Command, Other, Notes, Loaded, Ctx>) {
    this.#kind = kind;
  }

  handle(state: State, message: TaskMessage<Command, Notes, Loaded>, ctx: Ctx): State {
    switch (message.type) {
      case "load":
        return this.#load(state, ctx);
      case "loaded":
        return this.#loaded(state, message.outcome, ctx);
      case "changed":
        return this.unstash(this.#changed(state, message, ctx), ctx);
      case "read-again":
        return this.unstash(this.#readAgain(state, message, ctx), ctx);
      case "wake":
      case "check":
        return state;
      case "idle":
        return this.#idle(state, ctx);
    }
  }

  /** Changes are dealt with one after the other; the rest at any time once it is loaded. */
  request(state: State, request: Command | Other, ctx: Ctx): State {
    const waits = state.changing && this.#kind.isChange(request);
    if (this.#kind.taskOf(state) !== undefined && !waits) return this.#serve(state, request, ctx);
    if (state.stash.length < STASH_MAX) return { ...state, stash: [...state.stash, request] };
    const error = new RuntimeError("mailbox.full", `${STASH_MAX} requests wait already`);
    ctx.reply<Result<never>>(request, fail(error));
    return state;
  }

  /** Deals with what has waited. */
  unstash(state: State, ctx: Ctx): State {
    let next: State = { ...state, stash: [] };
    for (const request of state.stash) next = this.request(next, request, ctx);
    return next;
  }

  /** Makes a change that nobody asked for. */
  changeItself(
    state: State,
    decision: Pick<TaskChange<Command, Notes>, "to" | "why" | "notes">,
    ctx: Ctx,
  ): State {
    const { itself: by, noun } = this.#kind;
    const from = this.#kind.taskOf(state)!.state;
    if (decision.to !== from && !OWN_CHANGES[from].includes(decision.to)) {
      throw new Error(`${noun} ${state.id} cannot go from ${from} to ${decision.to} by itself`);
    }
    return this.#persist(state, { ...decision, command: undefined, newRun: false, by }, ctx);
  }

  #load(state: State, ctx: Ctx): State {
    ctx.setTimer("idle", IDLE_MS, { type: "idle" });
    ctx.perform(
      () => this.#kind.load(state.id),
      (outcome) => ({ type: "loaded", outcome }),
    );
    return state;
  }

  #loaded(state: State, outcome: Result<Loaded | undefined>, ctx: Ctx): State {
    if (!outcome.ok) {
      const loadFailures = state.loadFailures + 1;
      ctx.setTimer("load", this.#kind.loadPause(loadFailures), { type: "load" });
      return refuseStash({ ...state, loadFailures }, outcome.error, ctx);
    }
    if (outcome.value === undefined) {
      ctx.stop();
      return refuseStash(state, unknownTask(this.#kind.noun, state.id), ctx);
    }
    return this.unstash(this.#kind.adopt(state, outcome.value, ctx), ctx);
  }

  #serve(state: State, request: Command | Other, ctx: Ctx): State {
    ctx.setTimer("idle", IDLE_MS, { type: "idle" });
    const refusal = this.#kind.isChange(request) ? this.#kind.refusal?.(state) : undefined;
    if (refusal !== undefined) {
      ctx.reply<Result<never>>(request, fail(refusal));
      return state;
    }
    if (!isCommand(request)) return this.#kind.serve(state, request, ctx);
    return this.#command(state, request, ctx);
  }

  /** Decides a command by the state that holds. */
  #command(state: State, command: Command, ctx: Ctx): State {
    const task = this.#kind.taskOf(state)!;
    if (this.#kind.isRepeated?.(state, command) === true) {
      this.#kind.answer(command, task.state, state, ctx);
      return state;
    }
    const verdict = judged(this.#kind.noun, task, command);
    if (!verdict.ok) {
      ctx.reply<Result<never>>(command, verdict);
      return state;
    }
    if (verdict.value === "holds") {
      this.#kind.answer(command, task.state, state, ctx);
      return state;
    }
    const { by, why } = command;
    return this.#persist(state, { command, ...verdict.value, by, why }, ctx);
  }

  /** Writes a change of state; it acts once the store has it. */
  #persist(state: State, change: TaskChange<Command, Notes>, ctx: Ctx): State {
    const at = ctx.now;
    ctx.perform(
      () => this.#kind.write(state, change, at),
      (outcome) => ({ type: "changed", change, outcome }),
    );
    return { ...state, changing: true };
  }

  #changed(
    state: State,
    { change, outcome }: Extract<TaskMessage<Command, Notes, Loaded>, { type: "changed" }>,
    ctx: Ctx,
  ): State {
    if (outcome.ok) {
      const before = this.#kind.taskOf(state)!.state;
      if (change.command !== undefined) {
        this.#kind.answer(change.command, before, outcome.value, ctx);
      }
      const settled = { ...state, changing: false, conflicts: 0 };
      return this.#kind.adopt(settled, outcome.value, ctx);
    }
    const { error } = outcome;
    if (error.code !== "store.conflict") return giveUp(state, change, error, ctx);
    if (state.conflicts === CONFLICTS_MAX) {
      const told = new RuntimeError(`${this.#kind.noun}.conflict`, error.message);
      return giveUp(state, change, told, ctx);
    }
    ctx.perform(
      () => this.#kind.load(state.id),
      (read) => ({ type: "read-again", change, outcome: read }),
    );
    return { ...state, conflicts: state.conflicts + 1 };
  }

  /** Somebody else was faster: decide again by what holds. */
  #readAgain(
    state: State,
    { change, outcome }: Extract<TaskMessage<Command, Notes, Loaded>, { type: "read-again" }>,
    ctx: Ctx,
  ): State {
    if (!outcome.ok) return giveUp(state, change, outcome.error, ctx);
    if (outcome.value === undefined) {
      return giveUp(state, change, unknownTask(this.#kind.noun, state.id), ctx);
    }
    // What it changes by itself is looked at after every message, and so after this one.
    const fresh = this.#kind.adopt({ ...state, changing: false }, outcome.value, ctx);
    return change.command === undefined ? fresh : this.#serve(fresh, change.command, ctx);
  }

  /** Nobody has needed it for a while: whoever does next makes a new one. */
  #idle(state: State, ctx: Ctx): State {
    if (state.changing || state.stash.length > 0 || this.#kind.isNeeded(state)) {
      ctx.setTimer("idle", IDLE_MS, { type: "idle" });
    } else ctx.drain();
    return state;
  }
}

function isCommand<Command extends Commanded, Other>(request: Command | Other): request is Command {
  return typeof request === "object" && request !== null && "command" in request;
}

type AnyCtx = Context<{ readonly type: "check" }>;

/** A change that it makes by itself is tried again later. */
function giveUp<State extends TaskFields<unknown>>(
  state: State,
  { command }: TaskChange<Commanded, unknown>,
  error: RuntimeError,
  ctx: AnyCtx,
): State {
  const settled = { ...state, changing: false, conflicts: 0 };
  if (command !== undefined) {
    ctx.reply<Result<never>>(command, fail(error));
    return settled;
  }
  ctx.setTimer("check", AGAIN_MS, { type: "check" });
  return { ...settled, restsUntil: ctx.monotonic + AGAIN_MS };
}

function refuseStash<State extends TaskFields<Asked>>(
  state: State,
  error: RuntimeError,
  ctx: AnyCtx,
): State {
  for (const request of state.stash) ctx.reply<Result<never>>(request, fail(error));
  return { ...state, stash: [] };
}
