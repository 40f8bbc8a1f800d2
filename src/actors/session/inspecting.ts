import { ok } from "../../core/result.ts";
import type { SessionMessage, SessionView } from "./messages.ts";
import type { Ctx, SessionState } from "./state.ts";

type Inspect = Extract<SessionMessage, { type: "inspect" }>;

/** Somebody looks from outside: once, or at everything that comes from now on. */
export function look(
  state: SessionState,
  message: Extract<SessionMessage, { type: "inspect" | "trace" }>,
  ctx: Ctx,
): SessionState {
  if (message.type === "inspect") return inspect(state, message, ctx);
  state.trace = state.chronicle?.traceOf(state.user, ctx.now);
  return state;
}

/** Answers what the session is and has. */
function inspect(state: SessionState, request: Inspect, ctx: Ctx): SessionState {
  const { id, user: principal, device, connection, from, connectedAt, heardAt } = state;
  const { backlog, head, given, routing, subscriptions } = state;
  const at = (seconds: number): number => Math.round(ctx.now - ctx.monotonic + seconds * 1000);
  const view: SessionView = {
    ...{ id, principal, device },
    connection: connection === undefined ? undefined : { from, since: at(connectedAt) },
    heardAt: heardAt < 0 ? undefined : at(heardAt),
    backlog: backlog?.length ?? 0,
    head,
    given,
    requests: routing?.sent?.size ?? 0,
    questions: routing?.asked?.size ?? 0,
    subscriptions: [...(subscriptions?.keys() ?? [])],
    lately: [...(state.lately ?? [])],
  };
  ctx.reply(request, ok(view));
  return state;
}

/** Notes that the device said something, to the second: a small integer costs no memory. */
export function heard(state: SessionState, ctx: Ctx): void {
  state.heardAt = secondsOf(ctx);
}

export function secondsOf({ monotonic }: Ctx): number {
  return Math.floor(monotonic / 1000);
}
