import { Buffer } from "node:buffer";
import { ok, type Result } from "../../core/result.ts";
import { refuse } from "../protocol/fields.ts";

/** The body of a message 0x36: a status event, by the numbers of `STATUS_EVENTS`. */
export interface StatusBody {
  readonly type: number;
  readonly id: bigint;
  /** At most 255 bytes. */
  readonly payload: Buffer;
}

const PAYLOAD_AT = 10;
const PAYLOAD_MAX = 255;

/** Reads type (1 byte), id (8), length (1) and payload; nothing may follow. Never throws. */
export function readStatus(body: Buffer): Result<StatusBody> {
  if (body.length < PAYLOAD_AT) {
    return refuse("status", `at least ${PAYLOAD_AT} bytes`, `${body.length} bytes`);
  }
  const length = body[PAYLOAD_AT - 1]!;
  if (body.length !== PAYLOAD_AT + length) {
    return refuse("status payload", `${length} bytes`, `${body.length - PAYLOAD_AT} bytes`);
  }
  return ok({ type: body[0]!, id: body.readBigInt64LE(1), payload: body.subarray(PAYLOAD_AT) });
}

/** A payload of more than 255 bytes is cut there. */
export function writeStatus({ type, id, payload }: StatusBody): Buffer {
  const kept = payload.subarray(0, PAYLOAD_MAX);
  const body = Buffer.alloc(PAYLOAD_AT + kept.length);
  body[0] = type;
  body.writeBigInt64LE(id, 1);
  body[PAYLOAD_AT - 1] = kept.length;
  body.set(kept, PAYLOAD_AT);
  return body;
}
