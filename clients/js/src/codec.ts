import type { ClientFrame, Encoding, OffsetRange, ServerFrame } from "./frames.ts";
import { decodeMsgpack, encodeMsgpack } from "./msgpack.ts";

/** One encoding of the protocol: how frames become WebSocket messages and back. */
export interface Codec {
  readonly subprotocol: string;
  encode(frame: ClientFrame): string | Uint8Array<ArrayBuffer>;
  /**
   * Reads what a socket received; undefined for a frame type that this version does not know.
   *
   * @throws Error saying what is wrong with it.
   */
  decode(data: unknown): ServerFrame | undefined;
}

export const CODECS: Readonly<Record<Encoding, Codec>> = {
  json: {
    subprotocol: "herald.v1.json",
    encode: (frame) => JSON.stringify(frame),
    decode(data) {
      if (typeof data !== "string") throw new TypeError("a binary message where text was agreed");
      return readFrame(JSON.parse(data));
    },
  },
  msgpack: {
    subprotocol: "herald.v1.msgpack",
    encode: (frame) => encodeMsgpack(frame),
    decode(data) {
      if (!(data instanceof ArrayBuffer)) {
        throw new TypeError("a text message where binary was agreed");
      }
      return readFrame(decodeMsgpack(new Uint8Array(data)));
    },
  },
};

type Fields = Readonly<Record<string, unknown>>;

/** Checks the fields that the SDK relies on; fields it does not know are ignored. */
function readFrame(value: unknown): ServerFrame | undefined {
  if (!isFields(value)) throw new TypeError("a frame is an object");
  const frame = value as unknown as ServerFrame;
  switch (frame.type) {
    case "welcome":
      need(value, ["session", "resume"], isString);
      need(value, ["heartbeatMs", "head"], isCount);
      need(value, ["recovered"], isBoolean);
      if (!isFields(frame.limits)) throw new TypeError("limits is not an object");
      need(frame.limits, ["frameBytes"], isCount);
      if (frame.gap !== undefined) needRange(frame.gap);
      if (frame.expiresInMs !== undefined) need(value, ["expiresInMs"], isCount);
      return frame;
    case "push":
      need(value, ["id", "topic"], isString);
      need(value, ["ack"], isBoolean);
      need(value, ["expiresAt"], isNumber);
      if (frame.offset !== undefined) need(value, ["offset"], isCount);
      return frame;
    case "pong":
      need(value, ["id"], isNumber);
      return frame;
    case "error":
      need(value, ["code", "message"], isString);
      if (frame.retryAfterMs !== undefined) need(value, ["retryAfterMs"], isCount);
      return frame;
    case "kick":
      need(value, ["code"], isCount);
      need(value, ["reason"], isString);
      need(value, ["reconnect"], isBoolean);
      if (frame.url !== undefined) need(value, ["url"], isString);
      if (frame.retryAfterMs !== undefined) need(value, ["retryAfterMs"], isCount);
      return frame;
    case "sent":
      need(value, ["id", "reached", "kept"], isCount);
      return frame;
    case "answer":
      need(value, ["id"], isCount);
      need(value, ["from"], isString);
      return frame;
    case "message":
      need(value, ["from", "session"], isString);
      if (frame.request !== undefined) need(value, ["request"], isCount);
      return frame;
    default:
      need(value, ["type"], isString);
      return readTopicFrame(frame);
  }
}

function readTopicFrame(frame: ServerFrame): ServerFrame | undefined {
  const value: Fields = { ...frame };
  switch (frame.type) {
    case "subscribed":
    case "resubscribed":
      need(value, ["topic", "epoch"], isString);
      need(value, ["offset"], isCount);
      need(value, ["recovered"], isBoolean);
      return frame;
    case "publication":
      need(value, ["topic"], isString);
      need(value, ["offset"], isCount);
      return frame;
    case "joined":
    case "left":
      need(value, ["topic"], isString);
      if (!isFields(frame.who)) throw new TypeError("who is not an object");
      return frame;
    case "occupancy":
      need(value, ["topic"], isString);
      need(value, ["count"], isCount);
      return frame;
    case "here":
    case "present":
      need(value, ["id", "count"], isCount);
      if (!Array.isArray(frame.members)) throw new TypeError("members is not an array");
      return frame;
    case "published":
      need(value, ["id", "offset"], isCount);
      return frame;
    case "unsubscribed":
    case "uploaded":
    case "done":
      need(value, ["id"], isCount);
      return frame;
    case "refreshed":
      need(value, ["id", "expiresInMs"], isCount);
      return frame;
    default:
      return undefined;
  }
}

function needRange(range: OffsetRange): void {
  if (!isFields(range)) throw new TypeError("gap is not an object");
  // A gap from the very beginning starts after -1.
  need(range, ["after", "upTo"], isNumber);
}

function need(frame: Fields, names: readonly string[], is: (value: unknown) => boolean): void {
  for (const name of names) {
    if (!is(frame[name])) throw new TypeError(`${name} is missing or of another type`);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
