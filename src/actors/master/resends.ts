import { RuntimeError } from "../../core/errors.ts";
import { windowFor } from "../../core/price.ts";
import { fail, ok } from "../../core/result.ts";
import { RECEIPTS, receiptsKind } from "../receipts/messages.ts";
import type { ResendPiece } from "../worker/messages.ts";
import type { Ctx, MasterDeps, MasterState, Message, Report, Resend } from "./state.ts";
import { TokenBucket } from "./token-bucket.ts";
import { afterChange } from "./watching.ts";

/** Requests that wait for their turn. */
const RESENDS_MAX = 16;
const BUSY_MS = 5_000;
/** Who asked is told by then what has come of it so far, in milliseconds. */
const ANSWER_MS = 5_000;

/** The windows are cut as a worker cuts them, and each waits for its permits as theirs do. */
export function resend(
  state: MasterState,
  request: Report<"resend">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { campaign, resends } = state;
  if (campaign === undefined) return state;
  if (resends.length >= RESENDS_MAX || state.quiescing !== undefined) {
    const message = `${resends.length} requests to send again are under way`;
    ctx.reply(request, fail(new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_MS })));
    return state;
  }
  const size = windowFor(campaign.rate, campaign.window);
  const pieces = request.pages.flatMap(({ page, indices }) => {
    const count = Math.ceil(indices.length / size);
    return Array.from({ length: count }, (_, n): ResendPiece => {
      return { campaign, page, indices: indices.slice(n * size, (n + 1) * size) };
    });
  });
  const added = { request, isAnswered: false, pieces, delivered: 0, refused: 0, unknown: 0 };
  ctx.setTimer("resend-answer", ANSWER_MS, { type: "answer-resends" });
  return nextResend({ ...state, resends: [...resends, added] }, deps, ctx);
}

/** Sends the next window, once the campaign's rate allows it; with a run's own they share it. */
export function nextResend(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { campaign, resends, resending, run } = state;
  const [first, ...others] = resends;
  if (first === undefined || resending || campaign === undefined) return state;
  const [piece] = first.pieces;
  if (piece === undefined) {
    tell(first, ctx);
    return nextResend(afterChange({ ...state, resends: others }, deps, ctx), deps, ctx);
  }
  const { rate, window: windowMax } = campaign;
  const now = ctx.monotonic;
  const own = state.resendBucket ?? new TokenBucket({ rate: rate || 1, windowMax, now });
  const bucket = rate === 0 ? undefined : (run?.bucket ?? own);
  const waitMs = bucket?.take(piece.indices.length, now) ?? 0;
  const paced = { ...state, resendBucket: rate === 0 ? undefined : own };
  if (waitMs > 0) {
    ctx.setTimer("resend", Math.ceil(waitMs), { type: "resend-due" });
    return paced;
  }
  ctx.perform(
    (signal) => deps.resendWindow({ ...piece, campaign }, signal),
    (outcome) => ({ type: "resent", outcome }),
  );
  return { ...paced, resending: true };
}

/** A window came back: what its provider took is settled, and the rest is still unknown. */
export function resent(
  state: MasterState,
  { outcome }: Extract<Message, { type: "resent" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const [first, ...others] = state.resends;
  const idle = { ...state, resending: false };
  const piece = first?.pieces[0];
  if (first === undefined || piece === undefined) return idle;
  const unknown = piece.indices.length;
  const nothing = { delivered: 0, refused: 0, unknown, named: [] };
  const { named, ...came } = outcome.ok ? outcome.value : nothing;
  const desk = named.length > 0 ? ctx.find(receiptsKind, RECEIPTS) : undefined;
  if (desk !== undefined) ctx.send(desk, { type: "register-messages", messages: named });
  state.rate?.add(came.delivered + came.refused, ctx.monotonic);
  const next: Resend = {
    ...first,
    pieces: first.pieces.slice(1),
    delivered: first.delivered + came.delivered,
    refused: first.refused + came.refused,
    unknown: first.unknown + came.unknown,
  };
  return nextResend({ ...idle, resends: [next, ...others] }, deps, ctx);
}

/** It takes long: the rest goes on, and is unknown until it has gone. */
export function answerResends(state: MasterState, ctx: Ctx): MasterState {
  const resends = state.resends.map((it) => {
    tell(it, ctx);
    return { ...it, isAnswered: true };
  });
  return { ...state, resends };
}

function tell({ request, isAnswered, pieces, ...came }: Resend, ctx: Ctx): void {
  if (isAnswered) return;
  const { delivered, refused } = came;
  const left = pieces.reduce((sum, { indices }) => sum + indices.length, 0);
  ctx.reply(request, ok({ delivered, refused, unknown: came.unknown + left }));
}
