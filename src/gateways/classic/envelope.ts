import { Buffer } from "node:buffer";
import { isFields } from "../protocol/fields.ts";
import type { ClassicMessage } from "./data.ts";

/** The topic of messages that come from classic devices, and that they understand. */
export const CLASSIC_TOPIC = "classic";

/**
 * What a classic message is among the payloads of `docs/protocol.md`: to devices of today it says
 * what it is and has its body, to classic ones it goes on byte by byte.
 */
export interface Envelope {
  /** Absent from narrow messages, whose layout behind the ids nobody has written down. */
  readonly messageId?: number;
  /** The body in base64. */
  readonly body?: string;
  /** The whole message in base64. */
  readonly bytes: string;
}

/** A payload meant for a classic device: a whole message, or what one is to be made of. */
export type Content =
  | { readonly type: "bytes"; readonly bytes: Buffer }
  | { readonly type: "parts"; readonly messageId: number; readonly body: Buffer };

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const MESSAGE_ID_MAX = 0xffff;

/** `message` is what `bytes` read as, where their layout is known. */
export function toEnvelope(bytes: Buffer, message: ClassicMessage | undefined): Envelope {
  const whole = { bytes: bytes.toString("base64") };
  if (message === undefined) return whole;
  const { data, body } = message;
  return { messageId: data.messageId, body: body.toString("base64"), ...whole };
}

/** Reads a payload; undefined when it is none for classic devices. Never throws. */
export function readEnvelope(payload: unknown, bytesMax: number): Content | undefined {
  if (!isFields(payload)) return undefined;
  const { bytes, messageId, body } = payload;
  if (bytes !== undefined) {
    const whole = bytesOf(bytes, bytesMax);
    return whole && { type: "bytes", bytes: whole };
  }
  const isId = Number.isInteger(messageId) && 0 <= Number(messageId);
  if (!isId || Number(messageId) > MESSAGE_ID_MAX) return undefined;
  const part = bytesOf(body ?? "", bytesMax);
  return part && { type: "parts", messageId: messageId as number, body: part };
}

function bytesOf(text: unknown, max: number): Buffer | undefined {
  if (typeof text !== "string" || text.length > Math.ceil(max / 3) * 4 || !BASE64.test(text)) {
    return undefined;
  }
  const bytes = Buffer.from(text, "base64");
  return bytes.length > max ? undefined : bytes;
}
