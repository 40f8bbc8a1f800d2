import { fail, ok } from "../../core/result.ts";
import { answer } from "../kernel/answer.ts";
import type { AccessMessage } from "./messages.ts";
import type { AccessState, Ctx, Desk, Message } from "./state.ts";

/** The scope of real keys begins with a token's id, so none of them is this one. */
const KEY = "store-check";

/**
 * Says whether the store answers, and whether it could be written a moment ago.
 *
 * A full disk can still be read, so a key is claimed and given back: at most once per
 * `checkEveryMs`, however often somebody asks. In between it is only read, and the last outcome
 * holds.
 */
export function checkStore(
  state: AccessState,
  request: Extract<AccessMessage, { type: "check-store" }>,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const { until, failure } = state.check;
  if (ctx.monotonic < until) {
    return answer(state, ctx, request, async () => {
      await desk.credentials.findToken("");
      if (failure !== undefined) throw failure;
      return true as const;
    });
  }
  const claim = { key: KEY, fingerprint: "", owner: desk.owner, at: ctx.now };
  ctx.perform(
    async () => {
      await Promise.all([desk.requests.begin(claim), desk.requests.abandon(KEY)]);
    },
    (outcome) => ({ type: "store-checked", request, outcome }),
  );
  return { ...state, check: { until: ctx.monotonic + desk.limits.checkEveryMs, failure } };
}

export function storeChecked(
  state: AccessState,
  { request, outcome }: Extract<Message, { type: "store-checked" }>,
  ctx: Ctx,
): AccessState {
  ctx.reply(request, outcome.ok ? ok(true as const) : fail(outcome.error));
  const failure = outcome.ok ? undefined : outcome.error;
  return { ...state, check: { ...state.check, failure } };
}
