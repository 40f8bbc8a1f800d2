import { RuntimeError } from "../../core/errors.ts";
import type { NewId } from "../../core/random.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { CollectionStore } from "../../persistence/ports/collections.ts";
import type { MemberStore } from "../../persistence/ports/members.ts";
import type { ActorType, Behavior, Context, EndReason, Ref } from "../kernel/actor.ts";
import { collectionActor, newCollection } from "./collection.ts";
import type { LineDecoder } from "./collector.ts";
import { importActor, newImport } from "./import.ts";
import { LIST_MAX, storeList } from "./list.ts";
import {
  type Audience,
  type AudienceMessage,
  audienceDeskKind,
  collectionKind,
  type ImportFormat,
} from "./messages.ts";
import { planCollection } from "./plan.ts";
import { type AskBlocked, type Collection, newAudience } from "./store.ts";

export interface AudienceDeskDeps {
  readonly audiences: AudienceStore;
  /** What audiences are collected with; absent: they are only imported. */
  readonly collect?: {
    readonly collections: CollectionStore;
    readonly members: MemberStore;
  };
  readonly newId: NewId;
  /** A fresh decoder for one file: of `gateways/csv` or `gateways/ndjson`. */
  readonly newDecoder: (format: ImportFormat) => LineDecoder;
}

type Request<Type extends AudienceMessage["type"]> = Extract<AudienceMessage, { type: Type }>;

type Message =
  | AudienceMessage
  | { readonly type: "started" }
  | { readonly type: "cleared"; readonly outcome: Result<readonly Collection[]> }
  | {
      readonly type: "planned";
      readonly request: Request<"collect">;
      readonly outcome: Result<Collection>;
    }
  | { readonly type: "collection-ended" }
  | { readonly type: "forward"; readonly reply: (ctx: Ctx) => void }
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
  /** Collections under way. */
  readonly collections: number;
}

const IMPORTS_MAX = 16;
const COLLECTIONS_MAX = 16;
const NAME_LENGTH_MAX = 200;
const AGAIN_MS = 1_000;
const BUSY_MS = 5_000;

export const newAudienceDesk: DeskState = { imports: 0, collections: 0 };

/** The desk that knows every audience, and starts an import actor for each import. */
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
        return cleared(state, message.outcome, deps, ctx);
      case "collect":
        return collect(state, message, deps, ctx);
      case "planned":
        return planned(state, message, deps, ctx);
      case "collection-ended":
        return { ...state, collections: state.collections - 1 };
      case "begin-import":
        return beginImport(state, message, deps, ctx);
      case "created":
        return created(state, message, deps, ctx);
      case "import-ended":
        return importEnded(state, message, deps, ctx);
      case "import-list":
        return importList(state, message, deps, ctx);
      case "read-audience":
        return perform(state, ctx, message, () => mustRead(audiences, message.id));
      case "list-audiences":
        return perform(state, ctx, message, () => audiences.list(message.request));
      case "list-errors":
        return perform(state, ctx, message, async () => {
          await mustRead(audiences, message.id);
          return audiences.errors(message.id, message.request);
        });
      case "forward":
        message.reply(ctx);
        return state;
    }
  };
}

/**
 * No import outlives its desk: what is still `importing` was interrupted. What is `collecting`
 * goes on.
 */
function clear(state: DeskState, deps: AudienceDeskDeps, ctx: Ctx): DeskState {
  ctx.perform(
    async () => {
      await deps.audiences.failInterrupted("the import was interrupted; import it again");
      return (await deps.collect?.collections.open()) ?? [];
    },
    (outcome) => ({ type: "cleared", outcome }),
  );
  return state;
}

function cleared(
  state: DeskState,
  outcome: Extract<Message, { type: "cleared" }>["outcome"],
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  if (!outcome.ok) {
    ctx.setTimer("clear", AGAIN_MS, { type: "started" });
    return state;
  }
  // One that was asked for meanwhile is there already.
  const open = outcome.value.filter(
    ({ audience }) => ctx.find(collectionKind, audience.id) === undefined,
  );
  for (const collection of open) spawnCollection(collection, deps, ctx);
  return { ...state, collections: state.collections + open.length };
}

function spawnCollection(collection: Collection, deps: AudienceDeskDeps, ctx: Ctx) {
  const name = collection.audience.id;
  const spawned = ctx.spawn(collectionActor(collectionDeps(deps)), {
    name,
    state: newCollection(collection),
  });
  ctx.watch(spawned, () => ({ type: "collection-ended" }));
  return spawned;
}

/** @throws RuntimeError `audience.invalid` when this desk only imports. */
function collectionDeps({ audiences, collect }: AudienceDeskDeps) {
  if (collect !== undefined) return { audiences, ...collect };
  throw new RuntimeError("audience.invalid", "audiences are only imported here");
}

function collect(
  state: DeskState,
  request: Request<"collect">,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  const { name, source } = request;
  const error = nameError(name) ?? collectionsError(state);
  if (error !== undefined) {
    ctx.reply(request, fail(error));
    return state;
  }
  const at = ctx.now;
  const id = deps.newId("aud");
  ctx.perform(
    async () => {
      const stores = collectionDeps(deps);
      const plan = await planCollection(source, at, stores);
      const { partitions } = plan;
      const empty = {
        ...newAudience(id, name, at),
        state: "collecting",
        partitions,
        source,
      } as const;
      await stores.collections.begin(empty, plan);
      return { audience: empty, plan };
    },
    (outcome) => ({ type: "planned", request, outcome }),
  );
  return { ...state, collections: state.collections + 1 };
}

function planned(
  state: DeskState,
  { request, outcome }: Extract<Message, { type: "planned" }>,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  if (!outcome.ok) {
    ctx.reply(request, outcome);
    return { ...state, collections: state.collections - 1 };
  }
  const { audience } = outcome.value;
  const found = ctx.find(collectionKind, audience.id);
  const collection = found ?? spawnCollection(outcome.value, deps, ctx);
  ctx.reply(request, ok({ audience, collection }));
  // One that is found was counted by whoever found it in the store first.
  return found === undefined ? state : { ...state, collections: state.collections - 1 };
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
  const audience = newAudience(deps.newId("aud"), request.name, ctx.now);
  ctx.perform(
    () => deps.audiences.create(audience),
    (outcome) => ({ type: "created", request, audience, outcome }),
  );
  return { ...state, imports: state.imports + 1 };
}

function created(
  state: DeskState,
  { request, audience, outcome }: Extract<Message, { type: "created" }>,
  deps: AudienceDeskDeps,
  ctx: Ctx,
): DeskState {
  if (!outcome.ok) {
    ctx.reply(request, outcome);
    return { ...state, imports: state.imports - 1 };
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
  const next = { ...state, imports: state.imports - 1 };
  // An import that ends by itself has written its end.
  if (reason === "stopped" || reason === "drained") return next;
  ctx.perform(
    async () => {
      const audience = await deps.audiences.read(id);
      if (audience?.state !== "importing") return;
      await deps.audiences.update({ ...audience, state: "failed", failure: "the import crashed" });
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
  const { name, recipients } = request;
  const error = nameError(name) ?? lengthError(recipients.length);
  if (error !== undefined) {
    ctx.reply(request, fail(error));
    return state;
  }
  const audience = newAudience(deps.newId("aud"), name, ctx.now);
  return perform(state, ctx, request, (signal) =>
    storeList(deps.audiences, { audience, recipients, signal, blocked: blockedOf(deps) }),
  );
}

function blockedOf({ collect: stores }: AudienceDeskDeps): AskBlocked | undefined {
  return stores && ((ids) => stores.members.blocked(ids));
}

/** Starts I/O and answers the request with its outcome. */
function perform<Answer>(
  state: DeskState,
  ctx: Ctx,
  request: { readonly replyTo: Ref<Result<Answer>> },
  effect: (signal: AbortSignal) => Promise<Answer>,
): DeskState {
  ctx.perform(effect, (outcome) => ({
    type: "forward",
    reply: (later) => later.reply(request, outcome),
  }));
  return state;
}

async function mustRead(audiences: AudienceStore, id: string): Promise<Audience> {
  const audience = await audiences.read(id);
  if (audience !== undefined) return audience;
  throw new RuntimeError("audience.unknown", `there is no audience ${id.slice(0, 64)}`);
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

function collectionsError({ collections }: DeskState): RuntimeError | undefined {
  if (collections < COLLECTIONS_MAX) return undefined;
  const message = `${COLLECTIONS_MAX} audiences are being collected`;
  return new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_MS });
}

function lengthError(length: number): RuntimeError | undefined {
  if (length <= LIST_MAX) return undefined;
  const message = `members: expected at most ${LIST_MAX}, got ${length}; import them as CSV`;
  const problems = [{ path: "members", expected: `at most ${LIST_MAX}`, got: `${length}` }];
  return new RuntimeError("audience.invalid", message, { problems });
}
