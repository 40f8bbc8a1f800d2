import { backoffMs } from "../../core/backoff.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Ref } from "../kernel/actor.ts";
import { answer } from "../kernel/answer.ts";
import type { AccessMessage } from "./messages.ts";
import type { AccessState, Ctx, Desk, Message, Write } from "./state.ts";

const ATTEMPTS_MAX = 10;
const BACKOFF = { retryMinMs: 200, retryMaxMs: 60_000 };

/** Writes, and tells who asked how the first attempt went. */
export function write(
  state: AccessState,
  what: Write,
  replyTo: Ref<Result<true>> | undefined,
  ctx: Ctx,
): AccessState {
  ctx.perform(what.run, (outcome) => ({
    type: "written",
    write: what,
    attempt: 1,
    replyTo,
    outcome,
  }));
  return state;
}

/** Sees what became of a write; one that may still succeed is repeated in a while. */
export function settle(
  state: AccessState,
  message: Extract<Message, { type: "written" }>,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const { write: what, attempt, outcome } = message;
  if (outcome.ok) {
    ctx.reply(message, ok(true as const));
    return state;
  }
  ctx.reply(message, outcome);
  const { error } = outcome;
  const isHopeless = !error.retryable || attempt >= ATTEMPTS_MAX;
  if (isHopeless || state.waiting >= desk.limits.writesMax) {
    desk.logger.error("a record is lost", { record: what.label, code: error.code, attempt });
    desk.metrics
      .counter("herald_access_records_lost_total", "Audit lines and request keys not written.")
      .add();
    return state;
  }
  const again: Message = { type: "write-again", write: what, attempt: attempt + 1 };
  const delayMs = backoffMs(BACKOFF, attempt - 1, ctx.random());
  ctx.setTimer(`write-${state.nextWrite}`, delayMs, again);
  return { ...state, waiting: state.waiting + 1, nextWrite: state.nextWrite + 1 };
}

export function repeat(
  state: AccessState,
  { write: what, attempt }: Extract<Message, { type: "write-again" }>,
  ctx: Ctx,
): AccessState {
  ctx.perform(what.run, (outcome) => ({
    type: "written",
    write: what,
    attempt,
    // Whoever asked was answered after the first attempt.
    replyTo: undefined,
    outcome,
  }));
  return { ...state, waiting: state.waiting - 1 };
}

export function listAudit(
  state: AccessState,
  request: Extract<AccessMessage, { type: "list-audit" }>,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  return answer(state, ctx, request, () => desk.audit.list(request.request));
}
