import type { AnswerFrame, RequestFrame } from "./device-frames.ts";
import { clientError, type HeraldError } from "./errors.ts";

/** Length of an error that another device is told. */
const ERROR_MAX = 1024;

/** A message of another device. */
export interface Message {
  /** The sender: `user:` or `board:` and its id. */
  readonly from: string;
  /** The address of the sender's session, to which one may `send`, too. */
  readonly session: string;
  readonly topic: string | undefined;
  readonly payload: unknown;
  /** Whether the sender waits for what the handler returns, and for how long. */
  readonly answerWithinMs: number | undefined;
}

/** What it returns, or its promise, is the answer where one is wanted; throwing says no. */
export type MessageHandler = (message: Message) => unknown;

/** What became of a message: sessions that got it, and inboxes it was kept in. */
export interface Sent {
  readonly reached: number;
  readonly kept: number;
}

export interface SendOptions {
  /** What it is about; 1 to 128 characters. */
  readonly topic?: string;
  /** Kept for so long for those who are away. */
  readonly keepMs?: number;
}

export interface RequestOptions {
  readonly topic?: string;
  /** Default 10 000. */
  readonly answerWithinMs?: number;
}

/** What another device answered, and from which session. */
export interface Reply {
  readonly from: string;
  readonly payload: unknown;
}

type MessageFrame = Extract<AnswerFrame, { type: "message" }>;

/** What messages need of their client. */
export interface MessageOwner {
  readonly handler: MessageHandler | undefined;
  /** Sends on the session that the question came to; false when it is not connected. */
  answer(frame: Extract<RequestFrame, { type: "answer" }>): boolean;
  error(error: HeraldError): void;
}

/** Gives a message to the application, and its answer to whoever asked. */
export async function takeMessage(frame: MessageFrame, owner: MessageOwner): Promise<void> {
  const { from, session, topic, payload, request, answerWithinMs } = frame;
  const said = await call(owner, { from, session, topic, payload, answerWithinMs });
  if (request === undefined) return;
  try {
    if (owner.answer({ type: "answer", request, ...said })) return;
    owner.error(clientError("client.offline", `the answer to ${from} could not be sent`));
  } catch (cause) {
    owner.error(clientError("client.handler", "what onMessage returned cannot be sent", cause));
    owner.answer({ type: "answer", request, error: "the answer could not be sent" });
  }
}

async function call(
  owner: MessageOwner,
  message: Message,
): Promise<{ readonly payload: unknown } | { readonly error: string }> {
  if (owner.handler === undefined) return { error: "this device takes no messages" };
  try {
    return { payload: (await owner.handler(message)) ?? null };
  } catch (cause) {
    const error = clientError("client.handler", "onMessage threw", cause);
    owner.error(error);
    const words = cause instanceof Error ? cause.message : String(cause);
    return { error: words.slice(0, ERROR_MAX) || "it failed" };
  }
}
