import { RuntimeError } from "../../core/errors.ts";
import type { NewId } from "../../core/random.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { ActorType, Behavior, Context, EndReason } from "../kernel/actor.ts";
import { answer, type Forward } from "../kernel/answer.ts";
import { unknownTask } from "../task/judged.ts";
import type { LineDecoder } from "./collector.ts";
import { answerFed } from "./fed.ts";
import { importActor, newImport } from "./import.ts";
import { LIST_MAX, storeList } from "./list.ts";
import {
  type Audience,
  type AudienceAnswer,
  type AudienceMessage,
  audienceDeskKind,
  type CollectionMessage,
  collectionKind,
  type ImportFormat,
} from "./messages.ts";
import { checkSource } from "./plan.ts";
import type { CollectionDeps, Request as Passed } from "./state.ts";
import { type AskBlocked, newAudience, shown } from "./store.ts";

export interface AudienceDeskDeps {
  readonly audiences: AudienceStore;
  /** What audiences are collected with; absent: they are only imported. */
  readonly collect?: Omit<CollectionDeps, "audiences">;
  readonly newId: NewId;
  /** A fresh decoder for one file: of `gateways/csv` or `gateways/ndjson`. */
  readonly newDecoder: (format: ImportFormat) => LineDecoder;
}

type Request<Type extends AudienceMessage["type"]> = Extract<AudienceMessage, { type: Type }>;

type Message =
  | AudienceMessage
  | { readonly type: "started" }
  | { readonly type: "cleared"; readonly outcome: Result<readonly string[]> }
  | {
      readonly type: "made";
      readonly request: Request<"create-audience">;
      readonly outcome: Result<Audience>;
    }
  | {
      readonly type: "found";
      readonly request: Passed;
      readonly outcome: Result<Audience | undefined>;
    }
  | Forward<Ctx>
  | {
      readonly type: "created";
      readonly request: Request<"begin-import">;
      readonly audience: Audience;
      readonly outcome: Result<void>;
    }
  | { readonly type: "import-ended"; readonly id: string; readonly reason: EndReason };

type Ctx = Context<Message>;

interface DeskState {
  /** Imports under way. */
  readonly imports: number;
}

const IMPORTS_MAX = 16;
const NAME_LENGTH_MAX = 200;
const AGAIN_MS = 1_000;
const BUSY_MS = 5_000;
/** How long the first start may take, which counts the members that a condition takes. */
const START_MS = 60_000;

export const newAudienceDesk: DeskState = { imports: 0 };

/**
 * The desk that knows every audience: it starts an import actor for each import, and sends the
 * rest to the collection of its audience.
 */
export function audienceDesk(deps: AudienceDeskDeps): ActorType<DeskState, Message> {
  return {
    label: "audiences",
    kind: audienceDeskKind,
    behavior: deskBehavior(deps),
    onStart: { type: "started" },
    restart: "permanent",
  };
}

function deskBehavior(deps: AudienceDeskDeps): Behavior<DeskState, Message> {
  const { audiences } = deps;
  return (state, message, ctx) => {
    switch (message.type) {
      case "started":
        return clear(state, deps, ctx);
      case "cleared":
        return cleared(state, message.outcome, ctx);
      case "create-audience":
        return create(state, message, deps, ctx);
      case "made":
        return made(state, message, ctx);
      case "command-audience":
      case "wait-audience":
      case "read-audience-progress":
      case "watch-audience":
        return find(state, message, audiences, ctx);
      case "found":
        return found(state, message, ctx);
      case "begin-import":
        return beginImport(state, message, deps, ctx);
      case "created":
        return created(state, message, deps, ctx);
      case "import-ended":
        return importEnded(state, message, deps, ctx);
      case "import-list":
        return importList(state, message, deps, ctx);
      case "read-audience":
        return answer(state, ctx, message, async () => shown(await mustRead(audiences, message)));
      case "list-audiences":
        return answer(state, ctx, message, async () => {
          const { items, next } = await audiences.list(message.request);
          return { items: items.map(shown), next };
        });
      case "list-audience-log":
        return answer(state, ctx, message, async () => {
          await mustRead(audiences, message);
          return audiences.log(message.id, message.request);
        });
      case "list-errors":
        return answer(state, ctx, message, async () => {
          await mustRead(audiences, message);
          return audiences.errors(message.id, message.request);
        });
      case "forward":
        message.reply(ctx);
        return state;
    }
  };
}

/** No import outlives its desk: what is still fed was interrupted. What is collected goes on. */
function clear(state: DeskState, deps: AudienceDeskDeps, ctx: Ctx): DeskState {
  const at = ctx.now;
  ctx.perform(
    async () => {
      const why = "the import was interrupted; import it again";
      await deps.audiences.failInterrupted({ why, at });
      return (await deps.collect?.collections.running()) ?? [];
    },
    (outcome) => ({ type: "cleared", outcome }),
  );
  return state;
}

function cleared(state: DeskState, outcome: Result<readonly string[]>, ctx: Ctx): DeskState {
  if (!outcome.ok) {
    ctx.setTimer("clear", AGAIN_MS, { type: "started" });
    return state;
  }
  for (const id of outcome.value) ctx.send(ctx.entity(collectionKind, id), { type: "wake" });
  return state;
}

function create(
  state: DeskState,
  request: Request<"create-audience">,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  const { id = deps.newId("aud"), name, source, by } = request;
  const error = nameError(name);
  if (error !== undefined) {
    ctx.reply(request, fail(error));
    return state;
  }
  const at = ctx.now;
  const fresh = newAudience(id, name, { by, at });
  const ready = { ...fresh, state: "ready", why: "created", epoch: 0, source } as const;
  ctx.perform(
    async () => {
      if (deps.collect === undefined) {
        throw new RuntimeError("audience.invalid", "audiences are only imported here");
      }
      // What cannot be collected leaves nothing behind.
      await checkSource(source, { audiences: deps.audiences, ...deps.collect });
      await deps.audiences.create(ready);
      return ready;
    },
    (outcome) => ({ type: "made", request, outcome }),
  );
  return state;
}

function made(
  state: DeskState,
  { request, outcome }: Extract<Message, { type: "made" }>,
  ctx: Ctx,
): DeskState {
  if (!outcome.ok || !request.start) {
    ctx.reply(request, outcome.ok ? ok(shown(outcome.value)) : outcome);
    return state;
  }
  const { id } = outcome.value;
  const { by, why } = request;
  ctx.ask<CollectionMessage, Result<AudienceAnswer>>(
    ctx.entity(collectionKind, id),
    (replyTo) => ({ type: "command-audience", id, command: "start", by, why, replyTo }),
    START_MS,
    (answer) => ({
      type: "forward",
      reply: (later) => later.reply(request, startedOf(answer)),
    }),
  );
  return state;
}

function startedOf(answer: Result<Result<AudienceAnswer>>): Result<Audience> {
  const started = answer.ok ? answer.value : answer;
  return started.ok ? ok(started.value.audience) : started;
}

/** Looks up what kind of audience it is about: one that is fed has no collection. */
function find(state: DeskState, request: Passed, audiences: AudienceStore, ctx: Ctx): DeskState {
  ctx.perform(
    () => audiences.read(request.id),
    (outcome) => ({ type: "found", request, outcome }),
  );
  return state;
}

function found(
  state: DeskState,
  { request, outcome }: Extract<Message, { type: "found" }>,
  ctx: Ctx,
): DeskState {
  if (!outcome.ok) ctx.reply<Result<never>>(request, outcome);
  else if (outcome.value === undefined) {
    ctx.reply<Result<never>>(request, fail(unknownTask("audience", request.id)));
  } else if (outcome.value.source === undefined) {
    answerFed(outcome.value, request, ctx);
  } else {
    ctx.send(ctx.entity(collectionKind, request.id), request);
  }
  return state;
}

function beginImport(
  state: DeskState,
  request: Request<"begin-import">,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  const error = nameError(request.name) ?? busyError(state);
  if (error !== undefined) {
    ctx.reply(request, fail(error));
    return state;
  }
  const maker = { by: request.by, at: ctx.now };
  const { id = deps.newId("aud"), name } = request;
  const audience = newAudience(id, name, maker);
  ctx.perform(
    () => deps.audiences.create(audience),
    (outcome) => ({ type: "created", request, audience, outcome }),
  );
  return { imports: state.imports + 1 };
}

function created(
  state: DeskState,
  { request, audience, outcome }: Extract<Message, { type: "created" }>,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  if (!outcome.ok) {
    ctx.reply(request, outcome);
    return { imports: state.imports - 1 };
  }
  const { id } = audience;
  const first = newImport(audience, deps.newDecoder(request.format ?? "csv"), request.bytes);
  const importing = ctx.spawn(importActor(deps.audiences, blockedOf(deps)), {
    name: id,
    state: first,
  });
  ctx.watch(importing, (reason) => ({ type: "import-ended", id, reason }));
  ctx.reply(request, ok({ audience: id, import: importing }));
  return state;
}

function importEnded(
  state: DeskState,
  { id, reason }: Extract<Message, { type: "import-ended" }>,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  const next = { imports: state.imports - 1 };
  // An import that ends by itself has written its end.
  if (reason === "stopped" || reason === "drained") return next;
  const changedAt = ctx.now;
  ctx.perform(
    async () => {
      const audience = await deps.audiences.read(id);
      if (audience?.state !== "started") return;
      const ended = { state: "failed", by: "system", why: "the import crashed" } as const;
      await deps.audiences.update({ ...audience, ...ended, changedAt });
    },
    () => ({ type: "forward", reply: () => {} }),
  );
  return next;
}

function importList(
  state: DeskState,
  request: Request<"import-list">,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  const { id = deps.newId("aud"), name, recipients } = request;
  const error = nameError(name) ?? lengthError(recipients.length);
  if (error !== undefined) {
    ctx.reply(request, fail(error));
    return state;
  }
  const at = ctx.now;
  const audience = newAudience(id, name, { by: request.by, at });
  const blocked = blockedOf(deps);
  return answer(state, ctx, request, (signal) =>
    storeList(deps.audiences, { audience, recipients, at, signal, blocked }),
  );
}

function blockedOf({ collect: stores }: AudienceDeskDeps): AskBlocked | undefined {
  return stores && ((ids) => stores.members.blocked(ids));
}

async function mustRead(
  audiences: AudienceStore,
  { id }: { readonly id: string },
): Promise<Audience> {
  const audience = await audiences.read(id);
  if (audience !== undefined) return audience;
  throw unknownTask("audience", id);
}

function nameError(name: string): RuntimeError | undefined {
  if (name !== "" && name.length <= NAME_LENGTH_MAX) return undefined;
  const problem = { path: "name", expected: `1 to ${NAME_LENGTH_MAX} characters` };
  const problems = [{ ...problem, got: `${name.length}` }];
  return new RuntimeError("audience.invalid", `name: expected ${problem.expected}`, { problems });
}

function busyError({ imports }: DeskState): RuntimeError | undefined {
  if (imports < IMPORTS_MAX) return undefined;
  const message = `${IMPORTS_MAX} imports are under way`;
  return new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_MS });
}

function lengthError(length: number): RuntimeError | undefined {
  if (length <= LIST_MAX) return undefined;
  const message = `members: expected at most ${LIST_MAX}, got ${length}; import them as CSV`;
  const problems = [{ path: "members", expected: `at most ${LIST_MAX}`, got: `${length}` }];
  return new RuntimeError("audience.invalid", message, { problems });
}
