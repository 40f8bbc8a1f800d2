import { boardKey } from "../../core/address.ts";
import { ok } from "../../core/result.ts";
import { userKind } from "../user/messages.ts";
import type { RelationChange, RelationsMessage } from "./messages.ts";
import type { Ctx, Desk, Message, RelationsState } from "./state.ts";

type Asked = Extract<RelationsMessage, { type: "secret-version" }>;

/** The changes after which a board's secret is worth nothing, and what it is told. */
const ENDINGS = {
  "rotate-secret": "the secret of the board was replaced",
  forget: "the board was forgotten",
} as const;

type Ending = Extract<RelationChange, { type: keyof typeof ENDINGS }>;

/** From memory where it is known: boards that come back in a storm must not ask the store. */
export function secretVersion(state: RelationsState, request: Asked, desk: Desk, ctx: Ctx) {
  const { board } = request;
  const known = state.secrets.get(board);
  if (known !== undefined) {
    ctx.reply(request, ok(known));
    return state;
  }
  const { rotations } = state;
  ctx.perform(
    () => desk.relations.board(board),
    (outcome) => ({ type: "secret-read", request, rotations, outcome }),
  );
  return state;
}

/** What was read before a secret ended is not believed after it, but read again. */
export function secretRead(
  state: RelationsState,
  { request, rotations, outcome }: Extract<Message, { type: "secret-read" }>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  if (rotations !== state.rotations) return secretVersion(state, request, desk, ctx);
  if (!outcome.ok) {
    ctx.reply(request, outcome);
    return state;
  }
  const version = outcome.value?.secretVersion;
  if (version !== undefined) remember(state, request.board, version, desk);
  ctx.reply(request, ok(version));
  return state;
}

/** Notes that a change has made a board's secret worth nothing, if it has. */
export function noteSecret(state: RelationsState, change: RelationChange): void {
  if (!isEnding(change)) return;
  state.rotations += 1;
  state.secrets.delete(change.board);
}

/** Ends the connections of a board whose secret a change has made worth nothing. */
export function endConnections(change: RelationChange, ctx: Ctx): void {
  if (!isEnding(change)) return;
  const user = ctx.find(userKind, boardKey(change.board));
  const why = ENDINGS[change.type];
  if (user !== undefined) ctx.sendAnyway(user, { type: "kick", device: undefined, why });
}

function remember({ secrets }: RelationsState, board: string, version: number, desk: Desk): void {
  secrets.set(board, version);
  const [oldest] = secrets.size > desk.limits.secretsMax ? secrets.keys() : [];
  if (oldest !== undefined) secrets.delete(oldest);
}

function isEnding(change: RelationChange): change is Ending {
  return change.type in ENDINGS;
}
