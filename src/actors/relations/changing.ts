import { backoffMs } from "../../core/backoff.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Reach } from "../../core/relations.ts";
import { ok } from "../../core/result.ts";
import type { RelationChanged } from "../../persistence/ports/relations.ts";
import { userKind } from "../user/messages.ts";
import { endConnections, noteSecret } from "./secrets.ts";
import type { ChangeRequest, Ctx, Desk, Message, RelationsState } from "./state.ts";
import { tellAll } from "./telling.ts";

/** Whoever holds a board in their hands must not make any user its owner by that alone. */
const UNASKED = new RuntimeError(
  "relation.refused",
  "a board does not choose its owner here: bind it over HTTP, or see platform.boardsBind",
);

export function change(state: RelationsState, request: ChangeRequest, desk: Desk, ctx: Ctx) {
  const at = ctx.now;
  ctx.perform(
    () => changeAndRecord(request, at, desk),
    (outcome) => ({ type: "changed", request, outcome }),
  );
  return state;
}

/** A change that is not of the HTTP API, which records its own, goes to the audit here. */
async function changeAndRecord(
  { change: wanted, by }: ChangeRequest,
  at: number,
  { relations, audit, boardsBind, logger }: Desk,
): Promise<RelationChanged> {
  const isAllowed = by === undefined || wanted.type !== "bind" || boardsBind === true;
  const making = isAllowed ? relations.change(wanted, at) : Promise.reject(UNASKED);
  const outcome = await making.then(
    (changed) => ({ changed, code: "ok" }),
    (error: { readonly code: string }) => ({ error, code: error.code }),
  );
  if (by !== undefined) {
    const about = "board" in wanted ? boardOf(wanted) : `family ${wanted.family}`;
    const target = "user" in wanted ? `${about} ${wanted.user}` : about;
    const action = `relation.${wanted.type}`;
    const entry = { by, action, target, outcome: outcome.code, requestId: "", at };
    // The change has been made and is answered as such, whether it could be recorded or not.
    await audit.append(entry).catch((error: unknown) => {
      logger.error("a change of relations is not recorded", { ...entry, error: String(error) });
    });
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.changed;
}

function boardOf({ board }: Extract<ChangeRequest["change"], { board: unknown }>): string {
  return `board ${typeof board === "string" ? board : board.id}`;
}

/** Reads the new views of whoever is here: all together, also when it is nobody, for the order. */
export function changed(
  state: RelationsState,
  { request, outcome }: Extract<Message, { type: "changed" }>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  if (!outcome.ok || !outcome.value.changed) {
    ctx.reply(request, outcome.ok ? ok({ changed: false }) : outcome);
    return state;
  }
  noteSecret(state, request.change);
  const { affected, announcement } = outcome.value;
  desk.figures.changes.add();
  const principals = affected.filter((it) => ctx.find(userKind, it) !== undefined);
  ctx.perform(
    () => desk.relations.reaches(principals),
    (read) => ({ type: "refreshed", principals, request, announcement, outcome: read }),
  );
  return state;
}

/** Live sessions change or end first, then it is announced, and then answered. */
export function refreshed(
  state: RelationsState,
  message: Extract<Message, { type: "refreshed" }>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  const { principals, request, announcement, outcome } = message;
  if (outcome.ok) handOut(principals, outcome.value, ctx);
  else {
    for (const principal of principals) state.stale.add(principal);
    refreshLater(state, desk, ctx);
  }
  endConnections(request.change, ctx);
  if (announcement === undefined) ctx.reply(request, ok({ changed: true }));
  else tellAll([announcement], request, desk, ctx);
  return state;
}

export function refreshStale(state: RelationsState, desk: Desk, ctx: Ctx): RelationsState {
  const principals = [...state.stale]
    .filter((it) => ctx.find(userKind, it) !== undefined)
    .slice(0, desk.limits.batchMax);
  // Whoever has left asks when coming again.
  if (principals.length === 0) state.stale.clear();
  else {
    ctx.perform(
      () => desk.relations.reaches(principals),
      (outcome) => ({ type: "stale-read", principals, outcome }),
    );
  }
  return state;
}

export function staleRead(
  state: RelationsState,
  { principals, outcome }: Extract<Message, { type: "stale-read" }>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  if (!outcome.ok) {
    refreshLater(state, desk, ctx);
    return state;
  }
  state.failures.refresh = 0;
  for (const principal of principals) state.stale.delete(principal);
  handOut(principals, outcome.value, ctx);
  return state.stale.size > 0 ? refreshStale(state, desk, ctx) : state;
}

function refreshLater(state: RelationsState, desk: Desk, ctx: Ctx): void {
  const delayMs = backoffMs(desk.limits, state.failures.refresh, ctx.random());
  ctx.setTimer("stale", delayMs, { type: "refresh-stale" });
  state.failures.refresh += 1;
}

function handOut(principals: readonly string[], reaches: readonly Reach[], ctx: Ctx): void {
  for (const [index, principal] of principals.entries()) {
    const user = ctx.find(userKind, principal);
    // However much it has waiting, it must not go on with what it could reach before.
    if (user !== undefined) ctx.sendAnyway(user, { type: "reach", reach: reaches[index]! });
  }
}
