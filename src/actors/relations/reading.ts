import { RuntimeError } from "../../core/errors.ts";
import type { Reach } from "../../core/relations.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { LastSeen, RelationStore } from "../../persistence/ports/relations.ts";
import { answer } from "../kernel/answer.ts";
import type { Board, Family, Relations, RelationsMessage } from "./messages.ts";
import type { Ctx, Desk, Message, ReachWaiters, RelationsState } from "./state.ts";

type Of<Type extends RelationsMessage["type"]> = Extract<RelationsMessage, { type: Type }>;

/** When a refused question may be asked again, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

export function reach(state: RelationsState, request: Of<"reach">, desk: Desk, ctx: Ctx) {
  const { principal, replyTo } = request;
  const waiting = state.reads.get(principal);
  if (waiting !== undefined) waiting.push(replyTo);
  else if (state.reads.size < desk.limits.readsMax) state.reads.set(principal, [replyTo]);
  else {
    const message = `${state.reads.size} principals wait for their relations already`;
    const options = { retryAfterMs: RETRY_AFTER_MS };
    ctx.reply(request, fail(new RuntimeError("store.unavailable", message, options)));
    return state;
  }
  return readNext(state, desk, ctx);
}

/** Asks the store for what has accumulated, unless it is still at work. */
function readNext(state: RelationsState, { relations, limits, figures }: Desk, ctx: Ctx) {
  if (state.isReading || state.reads.size === 0) return state;
  const reads = new Map<string, ReachWaiters>();
  for (const [principal, waiters] of state.reads) {
    if (reads.size === limits.batchMax) break;
    reads.set(principal, waiters);
    state.reads.delete(principal);
  }
  state.isReading = true;
  figures.reads.observe(reads.size);
  ctx.perform(
    () => relations.reaches([...reads.keys()]),
    (outcome) => ({ type: "reaches-read", reads, outcome }),
  );
  return state;
}

export function reachesRead(
  state: RelationsState,
  { reads, outcome }: Extract<Message, { type: "reaches-read" }>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  state.isReading = false;
  const reaches = outcome.ok ? outcome.value.map(sharing()) : [];
  let index = 0;
  for (const waiters of reads.values()) {
    const answer = outcome.ok ? ok(reaches[index]!) : outcome;
    for (const replyTo of waiters) ctx.send(replyTo, answer);
    index += 1;
  }
  return readNext(state, desk, ctx);
}

/**
 * Gives those who reach nobody one and the same empty view. Most who log in have no relations,
 * and a view of their own would stay as long as they do (see `bench/sessions.ts`).
 */
function sharing(): (reach: Reach) => Reach {
  let empty: Reach | undefined;
  return (reach) => {
    if (reach.roles.size > 0 || reach.family !== undefined) return reach;
    empty ??= reach;
    return empty;
  };
}

/** Notes it until the next time that instants are stored: one write per principal. */
export function seen(
  state: RelationsState,
  { principal, at }: Of<"seen">,
  { limits, figures }: Desk,
): RelationsState {
  const known = state.seen.get(principal);
  if (known === undefined && state.seen.size >= limits.seenMax) figures.seenLost.add();
  else if (known === undefined || known < at) state.seen.set(principal, at);
  return state;
}

export function storeSeen(state: RelationsState, desk: Desk, ctx: Ctx): RelationsState {
  ctx.setTimer("seen", desk.limits.seenEveryMs, { type: "store-seen" });
  if (state.seen.size === 0) return state;
  const entries = seenOf(state);
  ctx.perform(
    () => writeSeen(entries, desk),
    (outcome) => ({ type: "forward", reply: () => seenStored(state, entries, outcome) }),
  );
  return state;
}

export function lastSeen(
  state: RelationsState,
  request: Of<"last-seen">,
  { relations }: Desk,
  ctx: Ctx,
): RelationsState {
  return answer(state, ctx, request, lastSeenOf(state, request.principals, relations));
}

/** What waits to be stored is newer than what the store has. */
function lastSeenOf(
  state: RelationsState,
  principals: readonly string[],
  relations: RelationStore,
): () => Promise<readonly (number | undefined)[]> {
  const waiting = principals.map((principal) => state.seen.get(principal));
  return async () => {
    const stored = await relations.lastSeen(principals);
    return stored.map((at, index) => waiting[index] ?? at);
  };
}

export function flushSeen(state: RelationsState, request: Of<"flush-seen">, desk: Desk, ctx: Ctx) {
  const entries = seenOf(state);
  ctx.perform(
    () => writeSeen(entries, desk),
    (outcome) => ({
      type: "forward",
      reply: (later) => {
        seenStored(state, entries, outcome);
        later.reply(request, outcome.ok ? ok(true as const) : outcome);
      },
    }),
  );
  return state;
}

function seenOf(state: RelationsState): readonly LastSeen[] {
  return [...state.seen].map(([principal, at]) => ({ principal, at }));
}

async function writeSeen(entries: readonly LastSeen[], { relations, limits }: Desk): Promise<void> {
  for (let from = 0; from < entries.length; from += limits.batchMax) {
    await relations.seen(entries.slice(from, from + limits.batchMax));
  }
}

/** Until it is stored it is known from here; what could not be waits for the next time. */
function seenStored(
  state: RelationsState,
  entries: readonly LastSeen[],
  outcome: Result<void>,
): void {
  if (!outcome.ok) return;
  for (const { principal, at } of entries) {
    if (state.seen.get(principal) === at) state.seen.delete(principal);
  }
}

export function readBoard(
  state: RelationsState,
  request: Of<"read-board">,
  { relations }: Desk,
  ctx: Ctx,
): RelationsState {
  return answer(state, ctx, request, () => mustBoard(request.board, relations));
}

async function mustBoard(id: string, relations: RelationStore): Promise<Board> {
  const board = await relations.board(id);
  if (board !== undefined) return board;
  throw new RuntimeError("board.unknown", `there is no board ${id.slice(0, 128)}`);
}

export function listBoards(
  state: RelationsState,
  request: Of<"list-boards">,
  { relations }: Desk,
  ctx: Ctx,
): RelationsState {
  return answer(state, ctx, request, () => relations.boards(request.request));
}

export function readFamily(
  state: RelationsState,
  request: Of<"read-family">,
  { relations }: Desk,
  ctx: Ctx,
): RelationsState {
  return answer(state, ctx, request, () => mustFamily(request.host, relations));
}

async function mustFamily(host: string, relations: RelationStore): Promise<Family> {
  const family = await relations.family(host);
  if (family !== undefined) return family;
  throw new RuntimeError("family.unknown", `${host.slice(0, 128)} is the host of no family`);
}

export function readRelations(
  state: RelationsState,
  request: Of<"read-relations">,
  { relations }: Desk,
  ctx: Ctx,
): RelationsState {
  const { principal } = request;
  const seenAt = lastSeenOf(state, [principal], relations);
  return answer(state, ctx, request, () => relationsOf(principal, seenAt, relations));
}

async function relationsOf(
  principal: string,
  seenAt: () => Promise<readonly (number | undefined)[]>,
  relations: RelationStore,
): Promise<Relations> {
  const [[reach], family, invitations, [lastSeenAt]] = await Promise.all([
    relations.reaches([principal]),
    relations.familyOf(principal),
    relations.invitations(principal),
    seenAt(),
  ]);
  return { reach: reach!, family, invitations, lastSeen: lastSeenAt };
}
