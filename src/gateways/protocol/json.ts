import { Buffer } from "node:buffer";
import type { Push } from "../../actors/session/messages.ts";
import type { Publication } from "../../actors/topic/messages.ts";
import { ok } from "../../core/result.ts";
import { readClientFrame } from "./client-frame.ts";
import type { Codec, Decoded, Encoded } from "./codec.ts";
import { refuse } from "./fields.ts";
import { type ClientFrame, type ServerFrame, SUBPROTOCOLS } from "./frames.ts";
import { WIRE_LIMITS } from "./limits.ts";

/** The frames as JSON texts, one in a text message. */
export const jsonCodec: Codec = {
  subprotocol: SUBPROTOCOLS.json,
  binary: false,
  decode,
  encode: (frame: ServerFrame): Encoded => JSON.stringify(frame),
  encodePong,
  encodePush,
  encodePublication,
};

/** A byte order mark is not JSON, and is not taken away. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: ArrayBuffer): Decoded {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    const hot = readHot(text);
    if (hot !== undefined) return ok(hot);
    value = JSON.parse(text);
  } catch {
    return refuse("", "a JSON text in UTF-8", "something else");
  }
  const trouble = findTrouble(value, 1);
  if (trouble !== undefined) return refuse("", trouble, "other");
  return readClientFrame(value);
}

function encodePong(id: number, data: unknown): Encoded {
  if (data === undefined) return `{"type":"pong","id":${id}}`;
  return `{"type":"pong","id":${id},"data":${JSON.stringify(data)}}`;
}

function encodePush(push: Push, redelivered: boolean): Encoded {
  if (push.offset !== undefined) return pushText(push, redelivered);
  push.wire.json ??= Buffer.from(pushText(push, false));
  return push.wire.json;
}

/** The payload is JSON text already and is spliced in, not parsed again. */
function pushText(push: Push, redelivered: boolean): string {
  const { id, offset, topic, payload, ack, expiresAt } = push;
  const place = offset === undefined ? "" : `,"offset":${offset}`;
  const again = redelivered ? ',"redelivered":true' : "";
  return (
    `{"type":"push","id":${JSON.stringify(id)}${place},"topic":${JSON.stringify(topic)}` +
    `,"ack":${ack},"expiresAt":${expiresAt}${again},"payload":${payload}}`
  );
}

function encodePublication(publication: Publication, lost: number): Encoded {
  if (lost > 0) return publicationText(publication, lost);
  publication.wire.json ??= Buffer.from(publicationText(publication, 0));
  return publication.wire.json;
}

function publicationText(publication: Publication, lost: number): string {
  const { topic, offset, from, payload } = publication;
  const sender = from === undefined ? "" : `,"from":${JSON.stringify(from)}`;
  const gone = lost > 0 ? `,"lost":${lost}` : "";
  return (
    `{"type":"publication","topic":${JSON.stringify(topic)},"offset":${offset}` +
    `${sender}${gone},"payload":${payload}}`
  );
}

/** Says what of a parsed value must not be passed on; undefined if nothing. */
function findTrouble(value: unknown, depth: number): string | undefined {
  // What JSON writes and a double cannot hold would come back as null.
  if (value === Infinity || value === -Infinity) return "without numbers beyond a double's";
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > WIRE_LIMITS.depthMax) return `at most ${WIRE_LIMITS.depthMax} levels deep`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const trouble = findTrouble(item, depth + 1);
      if (trouble !== undefined) return trouble;
    }
    return undefined;
  }
  for (const key in value) {
    if (key === "__proto__") return "without a key __proto__";
    const trouble = findTrouble((value as Record<string, unknown>)[key], depth + 1);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

const PING = '{"type":"ping","id":';
const DATA = ',"data":"';
const UP_TO = '{"type":"ack","upTo":';
const OFFSETS = '{"type":"ack","offsets":[';
/** What a JSON string holds when it has no escapes and is not over yet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those must be escaped in JSON.
const PLAIN = /^[^"\\\u0000-\u001f]*$/;

/**
 * Reads a ping or an ack that is written as most clients write it; undefined if it is another
 * frame or written otherwise, and then nothing has been decided. See `bench/echo.ts`: it takes
 * a third of the time of `JSON.parse` and the checks after it.
 */
function readHot(text: string): ClientFrame | undefined {
  if (text.startsWith(PING)) {
    const id = readDigits(text, PING.length);
    if (id < 0) return undefined;
    if (end === text.length - 1 && text.endsWith("}")) return { type: "ping", id };
    if (!text.startsWith(DATA, end) || !text.endsWith('"}')) return undefined;
    const start = end + DATA.length;
    if (start > text.length - 2) return undefined;
    const data = text.slice(start, -2);
    return PLAIN.test(data) ? { type: "ping", id, data } : undefined;
  }
  if (text.startsWith(UP_TO)) {
    const upTo = readDigits(text, UP_TO.length);
    const isWhole = upTo >= 0 && end === text.length - 1 && text.endsWith("}");
    return isWhole ? { type: "ack", upTo } : undefined;
  }
  return text.startsWith(OFFSETS) ? readOffsets(text) : undefined;
}

function readOffsets(text: string): ClientFrame | undefined {
  const offsets: number[] = [];
  let at = OFFSETS.length;
  for (;;) {
    const offset = readDigits(text, at);
    if (offset < 0 || offsets.length >= WIRE_LIMITS.ackOffsetsMax) return undefined;
    offsets.push(offset);
    if (text[end] !== ",") break;
    at = end + 1;
  }
  const isWhole = end === text.length - 2 && text.endsWith("]}");
  return isWhole ? { type: "ack", offsets } : undefined;
}

/** Where the last number that `readDigits` read ended. */
let end = 0;

/** Reads an integer of at most fifteen digits, as JSON writes it; -1 if there is none. */
function readDigits(text: string, start: number): number {
  let value = 0;
  let at = start;
  for (; at < start + 15; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    // Also ends at the end of the text, where it is not a number.
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  end = at;
  const hasLeadingZero = at > start + 1 && text.charCodeAt(start) === 48;
  return at === start || hasLeadingZero ? -1 : value;
}
