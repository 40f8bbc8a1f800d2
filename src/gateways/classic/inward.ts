import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { boardOf } from "../../core/address.ts";
import { type ClassicMessage, MESSAGE_IDS, readMessage, restamped } from "./data.ts";
import { type Envelope, toEnvelope } from "./envelope.ts";
import { OPCODES, readFrameHeader } from "./frame.ts";
import { classicId, type IdSpace } from "./ids.ts";

/** Who a classic device is, once it is logged in. */
export interface Self {
  readonly kind: "phone" | "board";
  /** Its principal's key. */
  readonly principal: string;
  /** Its own number; a phone's has its slot. */
  readonly number: bigint;
}

/** How messages are read, the same for all devices of a node. */
export interface Reading {
  readonly space: IdSpace;
  /** The session of the phone with a slot, if it is logged in. */
  readonly findPhone: (user: string, slot: number) => string | undefined;
}

/** What a message of a classic device asks of its session. */
export type Inward =
  /** `message` is undefined where the layout is narrow. */
  | {
      readonly type: "send";
      readonly to: string;
      readonly payload: Envelope;
      readonly destination: bigint;
      readonly message: ClassicMessage | undefined;
    }
  | {
      readonly type: "upload";
      readonly kind: string;
      readonly payload: UploadPayload;
      readonly key: string | undefined;
      readonly message: ClassicMessage;
    }
  | { readonly type: "refused"; readonly reason: "malformed" | "destination" };

/** What a back end gets of an upload. */
export interface UploadPayload {
  readonly messageId: number;
  readonly deviceType: number;
  /** Of the frame, as the device counts them; the time is in seconds, 0 without a clock. */
  readonly sequence: number;
  readonly time: number;
  /** In base64. */
  readonly body: string;
}

const MALFORMED = { type: "refused", reason: "malformed" } as const;
const NOWHERE = { type: "refused", reason: "destination" } as const;
const KEY_LENGTH = 32;

/** Reads one message. Its source becomes the device's own number. Never throws. */
export function readInward(bytes: Buffer, self: Self, reading: Reading): Inward {
  return reading.space.bits === 64
    ? readWide(bytes, self, reading)
    : readNarrow(bytes, self, reading);
}

function readWide(bytes: Buffer, self: Self, reading: Reading): Inward {
  const read = readMessage(bytes);
  if (!read.ok) return MALFORMED;
  const message = read.value;
  const { frame, body } = message;
  // What boards say to the server is for the back end, and for nobody else.
  if (self.kind === "board" && frame.opcode === OPCODES.toServer) return toUpload(message, body);
  const to = addressOf(frame.destination, self, reading);
  if (to === undefined) return NOWHERE;
  const stamped = restamped(bytes, { ...frame, source: self.number }, "wide");
  const payload = toEnvelope(stamped, message);
  return { type: "send", to, payload, destination: frame.destination, message };
}

/** Behind the ids a narrow message has what its sender likes. */
function readNarrow(bytes: Buffer, self: Self, reading: Reading): Inward {
  const read = readFrameHeader(bytes, "narrow");
  if (!read.ok) return MALFORMED;
  const { destination } = read.value;
  const to = addressOf(destination, self, reading);
  if (to === undefined) return NOWHERE;
  const stamped = restamped(bytes, { ...read.value, source: self.number }, "narrow");
  const payload = toEnvelope(stamped, undefined);
  return { type: "send", to, payload, destination, message: undefined };
}

/** An upload of `body`, which over UDP is what comes after the session. */
export function toUpload(message: ClassicMessage, body: Buffer): Inward {
  const { frame, data } = message;
  const { messageId, deviceType } = data;
  const { sequence, time } = frame;
  const payload = { messageId, deviceType, sequence, time, body: body.toString("base64") };
  return { type: "upload", kind: kindOf(messageId), payload, key: keyOf(payload), message };
}

/** The routing key of an upload. */
function kindOf(messageId: number): string {
  if (messageId === MESSAGE_IDS.state) return "state";
  return messageId === MESSAGE_IDS.alarm ? "alarm" : `classic.${messageId}`;
}

/** Without a clock a device says the same twice and means it. */
function keyOf(payload: UploadPayload): string | undefined {
  if (payload.time === 0) return undefined;
  const digest = createHash("sha256").update(JSON.stringify(payload)).digest("base64url");
  return digest.slice(0, KEY_LENGTH);
}

/** The address that a number stands for; undefined when nobody can have it. */
function addressOf(id: bigint, self: Self, { space, findPhone }: Reading): string | undefined {
  if (id === 0n) return self.kind === "phone" ? "boards" : "phones";
  const target = classicId(id, space);
  if (target === undefined) return undefined;
  if (target.kind === "board") return `board:${boardOf(target.principal)}`;
  if (target.slot === 0) return `user:${target.principal}`;
  const session = findPhone(target.principal, target.slot);
  return session === undefined ? undefined : `session:${session}`;
}
