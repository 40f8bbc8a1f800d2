import type { Grants } from "../../core/device-request.ts";
import { RuntimeError } from "../../core/errors.ts";
import { fail, ok } from "../../core/result.ts";
import type { Admit, Attach, Ctx, Message, SessionDeps, SessionState } from "./state.ts";

/** Whether there is something to ask before a device may come in. */
export function isAskedAbout(
  { secretVersion: shown }: Attach,
  { admit, secretVersion }: SessionDeps,
): boolean {
  return admit !== undefined || (shown !== undefined && secretVersion !== undefined);
}

/**
 * Asks whether the device may come in, before anybody is told of its connection: whichever
 * transport it uses, it becomes attached here.
 */
export function askAdmission(
  state: SessionState,
  attach: Attach,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  if (state.joining !== undefined) {
    ctx.sendAnyway(state.joining.connection, { type: "close", reason: "replaced" });
  }
  state.joining = attach;
  // It has somebody to wait for: the answer comes in any case.
  ctx.clearTimer("grace");
  const { user: principal, device } = state;
  ctx.perform(
    () => decide({ principal, device }, attach.secretVersion, deps),
    (outcome) => ({
      ...{ type: "admitted", attach, outcome: outcome.ok ? outcome.value : outcome },
    }),
  );
  return state;
}

/**
 * The secret comes last: between the moment that it was good and the attachment nothing is
 * waited for, so that a secret that ends meets every connection that it has let in.
 */
async function decide(
  who: Parameters<Admit>[0],
  shown: number | undefined,
  { admit, secretVersion }: SessionDeps,
): ReturnType<Admit> {
  const decision = admit === undefined ? ok({}) : await admit(who);
  if (!decision.ok || shown === undefined || secretVersion === undefined) return decision;
  const current = await secretVersion(who.principal);
  if (!current.ok) return current;
  if (current.value === shown) return decision;
  const why =
    current.value === undefined ? "is not registered" : "has another secret since it was made";
  return fail(new RuntimeError("auth.invalid", `the credential is not accepted: the board ${why}`));
}

/** The attach to go on with, with what the answer adds to it; undefined when there is none. */
export function admitted(
  state: SessionState,
  { attach, outcome }: Extract<Message, { type: "admitted" }>,
  deps: SessionDeps,
  ctx: Ctx,
): Attach | undefined {
  // It has left in the meantime, or another connection has come.
  if (state.joining !== attach) return undefined;
  state.joining = undefined;
  if (outcome.ok) {
    state.extra = outcome.value.grants;
    return { ...attach, grants: withExtra(state, attach.grants) };
  }
  refuse(state, attach, outcome.error, ctx);
  waitOn(state, deps, ctx);
  return undefined;
}

/** A connection has gone that was not attached yet. Whether it was this one. */
export function hasLeft(
  state: SessionState,
  { connection }: Pick<Attach, "connection">,
  deps: SessionDeps,
  ctx: Ctx,
): boolean {
  if (state.joining?.connection !== connection) return false;
  state.joining = undefined;
  waitOn(state, deps, ctx);
  return true;
}

/** What the credential allows and what whoever admitted the device allows, together. */
export function withExtra({ extra }: SessionState, grants: Grants | undefined) {
  if (extra === undefined) return grants;
  return {
    subscribe: [...(grants?.subscribe ?? []), ...extra.subscribe],
    publish: [...(grants?.publish ?? []), ...extra.publish],
  };
}

function refuse(state: SessionState, attach: Attach, error: RuntimeError, ctx: Ctx): void {
  const { code, message, retryable, retryAfterMs } = error;
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  const frame = { type: "error", code, message, ...retry } as const;
  ctx.send(attach.connection, { type: "frame", frame });
  const reason = retryable ? "busy" : "unauthorized";
  ctx.sendAnyway(attach.connection, { type: "close", reason, message });
  const { user, device, chronicle } = state;
  const { from } = attach;
  if (from === undefined) return;
  chronicle?.note(user, { type: "refused", device, from, code, message }, ctx.now);
}

/**
 * Without any connection it waits for the next one, as after each that is lost; one that nobody
 * knows yet ends, because no device can come back to it.
 */
function waitOn(state: SessionState, { limits }: SessionDeps, ctx: Ctx): void {
  if (state.connection !== undefined) return;
  if (state.owner === undefined && !state.opened) ctx.stop();
  else ctx.setTimer("grace", limits.graceMs, { type: "grace-over" });
}
