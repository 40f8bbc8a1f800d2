import { boardOf } from "../../core/address.ts";
import type { DeviceRequest, SubCommand } from "../../core/device-request.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { UserMessage } from "../user/messages.ts";
import { routeError, routingOf } from "./routing.ts";
import type { Ctx, Message, SessionDeps, SessionState } from "./state.ts";
import { tellError, tellUnserved } from "./telling.ts";

/** Commands of one session that may be in work at once. */
const COMMANDS_MAX = 4;
/** How long its own user may take. */
const ASK_MS = 5_000;

type Command = Extract<DeviceRequest, { type: "command" }>;
type Changed = Result<{ readonly changed: boolean }>;

/** Does what a board asks to be done with itself; its one answer is `done`, or why not. */
export function command(
  state: SessionState,
  { id, command: wanted }: Command,
  { commands }: SessionDeps,
  ctx: Ctx,
): SessionState {
  const board = boardOf(state.user);
  if (board === undefined) {
    const message = "only boards have commands; people use the admin API";
    return tellError(state, id, new RuntimeError("auth.forbidden", message), ctx);
  }
  if ("sub" in wanted) return sub(state, id, wanted, ctx);
  if (commands === undefined) return tellUnserved(state, id, ctx);
  const routing = routingOf(state);
  if (routing.commands >= COMMANDS_MAX) {
    return tellError(state, id, routeError("route.too-many"), ctx);
  }
  routing.commands += 1;
  ctx.perform(
    () => commands(board, wanted),
    (outcome) => ({ type: "commanded", id, outcome: outcome.ok ? outcome.value : outcome }),
  );
  return state;
}

/** What became of a command that left the session. */
export function commanded(
  state: SessionState,
  { id, outcome }: Extract<Message, { type: "commanded" }>,
  ctx: Ctx,
): SessionState {
  routingOf(state).commands -= 1;
  ctx.send(ctx.self, answerTo(id, outcome));
  return state;
}

function sub(state: SessionState, id: number, wanted: SubCommand, ctx: Ctx): SessionState {
  // Between two incarnations of its user it has none.
  if (state.owner === undefined) return tellError(state, id, routeError("mailbox.full"), ctx);
  const online = wanted.do === "sub-online";
  ctx.ask<UserMessage, Changed>(
    state.owner,
    (replyTo) => ({ type: "change-sub", sub: wanted.sub, online, replyTo }),
    ASK_MS,
    (outcome) => answerTo(id, outcome.ok ? outcome.value : outcome),
  );
  return state;
}

function answerTo(id: number, outcome: Changed): Extract<Message, { type: "tell" | "tell-error" }> {
  if (!outcome.ok) return { type: "tell-error", id, error: outcome.error };
  return { type: "tell", frame: { type: "done", id, result: outcome.value } };
}
