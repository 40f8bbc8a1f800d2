import { RuntimeError } from "../../core/errors.ts";
import { takeFront } from "../../core/queue.ts";
import { fail } from "../../core/result.ts";
import type { ActorType } from "../kernel/actor.ts";
import { OUTBOX, outboxKind } from "../outbox/messages.ts";
import { type UploadsMessage, uploadsKind } from "./messages.ts";
import {
  type Ctx,
  type Message,
  newUploads,
  UPLOAD_LIMITS,
  type UploadFigures,
  type UploadLimits,
  type UploadsDeps,
  type UploadsState,
  uploadFigures,
} from "./state.ts";

const MAILBOX_MAX = 50_000;
/** When a refused upload may come again, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

interface Clerk {
  readonly broker: UploadsDeps["broker"];
  readonly limits: UploadLimits;
  readonly figures: UploadFigures;
}

/**
 * The uploads clerk: while the broker is busy with one batch, the next one accumulates.
 *
 * An upload is answered once the broker has it. One that fails is answered so, and the device
 * sends it again, with the same key: whether the broker had it after all is then its to tell.
 */
export function uploadsClerk(deps: UploadsDeps): ActorType<UploadsState, Message> {
  const { broker, metrics } = deps;
  const limits = { ...UPLOAD_LIMITS, ...deps.limits };
  const clerk: Clerk = { broker, limits, figures: uploadFigures(metrics) };
  return {
    label: "uploads",
    kind: uploadsKind,
    onStart: { type: "start" },
    mailbox: { max: MAILBOX_MAX, overflow: "refuse" },
    restart: "permanent",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "start":
          return newUploads();
        case "upload":
          return take(state, message, clerk, ctx);
        case "published":
          return published(state, message, clerk, ctx);
      }
    },
  };
}

function take(state: UploadsState, request: UploadsMessage, clerk: Clerk, ctx: Ctx): UploadsState {
  const { waitingMax, waitingCharactersMax } = clerk.limits;
  if (state.waiting.length >= waitingMax || state.characters >= waitingCharactersMax) {
    clerk.figures.refused.add();
    const message = `${state.waiting.length} uploads wait for the broker already`;
    const options = { retryAfterMs: RETRY_AFTER_MS };
    ctx.reply(request, fail(new RuntimeError("broker.unavailable", message, options)));
    return state;
  }
  state.waiting.push(request);
  state.characters += charactersOf(request);
  return publishNext(state, clerk, ctx);
}

function publishNext(state: UploadsState, { broker, limits, figures }: Clerk, ctx: Ctx) {
  if (state.isBusy || state.waiting.length === 0) return state;
  const most = { size: limits.batchCharactersMax, count: limits.batchMax };
  const { taken: batch, size } = takeFront(state.waiting, charactersOf, most);
  state.characters -= size;
  state.isBusy = true;
  figures.batch.observe(batch.length);
  ctx.perform(
    () => broker.publish(batch.map(({ upload }) => upload)),
    (outcome) => ({ type: "published", batch, outcome }),
  );
  return state;
}

function charactersOf({ upload }: UploadsMessage): number {
  return upload.payload.length;
}

function published(
  state: UploadsState,
  { batch, outcome }: Extract<Message, { type: "published" }>,
  clerk: Clerk,
  ctx: Ctx,
): UploadsState {
  state.isBusy = false;
  let taken = 0;
  batch.forEach((request, index) => {
    const answer = outcome.ok ? outcome.value[index]! : outcome;
    if (answer.ok) taken += 1;
    ctx.reply(request, answer);
  });
  clerk.figures.published.add(taken);
  clerk.figures.refused.add(batch.length - taken);
  const desk = taken > 0 ? ctx.find(outboxKind, OUTBOX) : undefined;
  if (desk !== undefined) ctx.send(desk, { type: "grown" });
  return publishNext(state, clerk, ctx);
}
