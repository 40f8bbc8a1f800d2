import { RuntimeError } from "../../core/errors.ts";
import { fail, ok } from "../../core/result.ts";
import type { UserMessage } from "./messages.ts";
import { announceTo } from "./presence.ts";
import type { Ctx, Subs, UserDeps, UserState } from "./state.ts";

/** Sub-devices of one board that may be here at once. */
const SUBS_MAX = 256;
/** Their comings and goings that are told within one window of `presence`; more are refused. */
const CHANGES_MAX = 512;

type Of<Type extends UserMessage["type"]> = Extract<UserMessage, { type: Type }>;

/**
 * A device behind a board has come or gone: whoever reaches the board is told, once.
 *
 * What a board says of them is kept as long as it is here itself, not in the store: when the
 * board goes, they all go with it.
 */
export function changeSub(state: UserState, request: Of<"change-sub">, deps: UserDeps, ctx: Ctx) {
  const { sub, online } = request;
  state.subs ??= { online: new Map(), beganAt: ctx.monotonic, changes: 0 };
  const { subs } = state;
  if (subs.online.has(sub) === online) {
    ctx.reply(request, ok({ changed: false }));
    return state;
  }
  const refusal = refusalOf(subs, online, deps, ctx);
  if (refusal !== undefined) {
    ctx.reply(request, fail(refusal));
    return state;
  }
  subs.changes += 1;
  if (online) subs.online.set(sub, ctx.now);
  else subs.online.delete(sub);
  tellSub(state, sub, online, state.reach?.roles.keys() ?? [], ctx);
  ctx.reply(request, ok({ changed: true }));
  return state;
}

export function listSubs(state: UserState, request: Of<"list-subs">, ctx: Ctx): UserState {
  const online = [...(state.subs?.online ?? [])].map(([sub, since]) => ({ sub, since }));
  ctx.reply(request, ok(state.present ? online : []));
  return state;
}

/** Tells these principals of the sub-devices that are here. */
export function announceSubsTo(state: UserState, keys: readonly string[], ctx: Ctx): void {
  if (keys.length === 0) return;
  for (const sub of state.subs?.online.keys() ?? []) tellSub(state, sub, true, keys, ctx);
}

function tellSub(
  state: UserState,
  sub: string,
  online: boolean,
  keys: Iterable<string>,
  ctx: Ctx,
): void {
  const event = online ? "device.online" : "device.offline";
  announceTo(state, { event, sub, ...(online ? {} : { lastSeen: ctx.now }) }, keys, ctx);
}

function refusalOf(subs: Subs, online: boolean, { limits }: UserDeps, ctx: Ctx) {
  const { windowMs } = limits.presence;
  if (ctx.monotonic - subs.beganAt >= windowMs) {
    subs.beganAt = ctx.monotonic;
    subs.changes = 0;
  }
  if (subs.changes >= CHANGES_MAX) {
    const message = `sub-devices come and go more than ${CHANGES_MAX} times in ${windowMs} ms`;
    const retryAfterMs = Math.ceil(subs.beganAt + windowMs - ctx.monotonic);
    return new RuntimeError("protocol.too-fast", message, { retryAfterMs });
  }
  if (!online || subs.online.size < SUBS_MAX) return undefined;
  return new RuntimeError("relation.refused", `a board has at most ${SUBS_MAX} sub-devices`);
}
