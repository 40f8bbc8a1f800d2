import type { DeviceRequest } from "../../core/device-request.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import { UPLOADS, type UploadsMessage, uploadsKind } from "../uploads/messages.ts";
import { isGranted } from "./grants.ts";
import { routingOf } from "./routing.ts";
import type { Ctx, Message, SessionDeps, SessionState } from "./state.ts";
import { tellUnserved } from "./telling.ts";

/** How long the broker may take; after that the device is told to send it again. */
const ASK_MS = 10_000;
/** When that is, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

type Upload = Extract<DeviceRequest, { type: "upload" }>;
/** What the rules of the outbox may take to the back end, too. */
export type Copied = Extract<DeviceRequest, { type: "send" | "publish" }>;

/** Gives something of the device to the back end; answered once the broker has it. */
export function upload(
  state: SessionState,
  { id, kind, payload, key }: Upload,
  _deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  return hand(state, { id, kind, payload, key }, ctx, () => ({
    ...{ type: "tell", frame: { type: "uploaded", id } },
  }));
}

/**
 * The kind under which the back end gets a copy of a message, by the first rule that fits its
 * topic. Of a publication that the credential does not allow, it gets none.
 */
export function copiedAs(
  { grants }: SessionState,
  asked: Copied,
  { copyKind }: SessionDeps,
): string | undefined {
  if (copyKind === undefined) return undefined;
  const published = topicOf(asked);
  if (published !== undefined) {
    return isGranted(grants?.publish, published) ? copyKind(published) : undefined;
  }
  const { topic } = asked;
  return topic === undefined ? undefined : copyKind(topic);
}

/** The back end first, then whom the message is for: so what is answered is not lost to either. */
export function uploadFirst(state: SessionState, asked: Copied, kind: string, ctx: Ctx) {
  const { id, payload } = asked;
  const published = topicOf(asked);
  const copy =
    published === undefined && asked.type === "send"
      ? { to: asked.to, topic: asked.topic, payload }
      : { topic: published, payload };
  const key = undefined;
  return hand(state, { id, kind, payload: copy, key }, ctx, () => ({
    ...{ type: "copied", request: asked },
  }));
}

function topicOf(asked: Copied): string | undefined {
  if (asked.type === "publish") return asked.topic;
  return asked.to.startsWith(TOPIC) ? asked.to.slice(TOPIC.length) : undefined;
}

const TOPIC = "topic:";

type Handed = Pick<Upload, "id" | "kind" | "payload"> & { readonly key: string | undefined };

function hand(
  state: SessionState,
  { id, kind, payload, key }: Handed,
  ctx: Ctx,
  taken: () => Message,
): SessionState {
  const clerk = ctx.find(uploadsKind, UPLOADS);
  if (clerk === undefined) return tellUnserved(state, id, ctx);
  const { user: principal, device } = state;
  const upload = {
    ...{ principal, device, kind, payload: JSON.stringify(payload), at: ctx.now },
    key: key ?? ownKey(state),
  };
  ctx.ask<UploadsMessage, Result<true>>(
    clerk,
    (replyTo) => ({ type: "upload", upload, replyTo }),
    ASK_MS,
    (outcome) => {
      const answer = outcome.ok ? outcome.value : unavailable();
      return answer.ok ? taken() : { type: "tell-error", id, error: patient(answer.error) };
    },
  );
  return state;
}

/** A key that no other upload of this principal has: its sessions' ids are never used again. */
function ownKey(state: SessionState): string {
  return `${state.id}:${++routingOf(state).number}`;
}

/** Whether the broker has it nobody knows: with a key of its own, it may come again. */
function unavailable(): { readonly ok: false; readonly error: RuntimeError } {
  const message = "the broker has not said in time that it has it";
  return { ok: false, error: new RuntimeError("broker.unavailable", message) };
}

/** Says when to try again, where that helps and was not said. */
function patient(error: RuntimeError): RuntimeError {
  const { code, message, retryable, retryAfterMs } = error;
  if (!retryable || retryAfterMs !== undefined) return error;
  return new RuntimeError(code, message, { retryAfterMs: RETRY_AFTER_MS, cause: error });
}
