import type { ClientFrame } from "./frames.ts";
import { findTrouble } from "./json-trouble.ts";
import { WIRE_LIMITS } from "./limits.ts";

const PING = '{"type":"ping","id":';
const DATA = ',"data":"';
const UP_TO = '{"type":"ack","upTo":';
const OFFSETS = '{"type":"ack","offsets":[';
const SEND = '{"type":"send","id":';
const TO = ',"to":"';
const PAYLOAD = ',"payload":';
const ANSWER_WITHIN = ',"answerWithinMs":';
const ANSWER = '{"type":"answer","request":';
/** What a JSON string holds when it has no escapes and is not over yet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those must be escaped in JSON.
const PLAIN = /^[^"\\\u0000-\u001f]*$/;
const QUOTE = 0x22;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/**
 * Reads a frame of the frequent types that is written as most clients write it: the fields in the
 * order of docs/protocol.md, without white space. Undefined if it is another frame or written
 * otherwise, and then nothing has been decided. See `bench/echo.ts` and `bench/route.ts`: it takes
 * a third of the time of `JSON.parse` and the checks after it.
 */
export function readHot(text: string): ClientFrame | undefined {
  if (text.startsWith(PING)) return readPing(text);
  if (text.startsWith(SEND)) return readSend(text);
  if (text.startsWith(ANSWER)) return readAnswer(text);
  if (text.startsWith(UP_TO)) {
    const upTo = readDigits(text, UP_TO.length);
    const isWhole = upTo >= 0 && end === text.length - 1 && text.endsWith("}");
    return isWhole ? { type: "ack", upTo } : undefined;
  }
  return text.startsWith(OFFSETS) ? readOffsets(text) : undefined;
}

function readPing(text: string): ClientFrame | undefined {
  const id = readDigits(text, PING.length);
  if (id < 0) return undefined;
  if (end === text.length - 1 && text.endsWith("}")) return { type: "ping", id };
  if (!text.startsWith(DATA, end) || !text.endsWith('"}')) return undefined;
  const start = end + DATA.length;
  if (start > text.length - 2) return undefined;
  const data = text.slice(start, -2);
  return PLAIN.test(data) ? { type: "ping", id, data } : undefined;
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

function readSend(text: string): ClientFrame | undefined {
  const id = readDigits(text, SEND.length);
  if (id < 0 || !text.startsWith(TO, end) || !text.endsWith("}")) return undefined;
  const start = end + TO.length;
  const to = text.slice(start, text.indexOf('"', start));
  if (to.length === 0 || to.length > WIRE_LIMITS.addressMax || !PLAIN.test(to)) return undefined;
  // After the quote.
  const payloadAt = start + to.length + 1 + PAYLOAD.length;
  if (!text.startsWith(PAYLOAD, payloadAt - PAYLOAD.length)) return undefined;
  const answerWithinMs = readLastNumber(text, ANSWER_WITHIN);
  if (answerWithinMs < 0) {
    const payload = readPayload(text, payloadAt, text.length - 1);
    return payload === undefined ? undefined : { type: "send", id, to, payload };
  }
  if (answerWithinMs === 0 || answerWithinMs > WIRE_LIMITS.answerWithinMsMax) return undefined;
  const payload = readPayload(text, payloadAt, end);
  return payload === undefined ? undefined : { type: "send", id, to, payload, answerWithinMs };
}

function readAnswer(text: string): ClientFrame | undefined {
  const request = readDigits(text, ANSWER.length);
  if (request < 0 || !text.startsWith(PAYLOAD, end) || !text.endsWith("}")) return undefined;
  const payload = readPayload(text, end + PAYLOAD.length, text.length - 1);
  return payload === undefined ? undefined : { type: "answer", request, payload };
}

/** A string without escapes, or an object: nothing else has its end where it seems to be. */
function readPayload(text: string, start: number, stop: number): unknown {
  const first = text.charCodeAt(start);
  const last = text.charCodeAt(stop - 1);
  if (first === QUOTE && last === QUOTE && stop - start >= 2) {
    const content = text.slice(start + 1, stop - 1);
    return PLAIN.test(content) ? content : undefined;
  }
  if (first !== OPENING || last !== CLOSING) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice(start, stop));
    return findTrouble(value, 2) === undefined ? value : undefined;
  } catch {
    // There may be further fields behind it: the whole will tell.
    return undefined;
  }
}

/** Where the last number that was read ended, or where the last field of a frame begins. */
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

/** Reads the number of the field before the closing brace; -1 if that is another field. */
function readLastNumber(text: string, field: string): number {
  let at = text.length - 1;
  while (isDigit(text.charCodeAt(at - 1))) at -= 1;
  const begin = at - field.length;
  if (at === text.length - 1 || !text.startsWith(field, begin)) return -1;
  const value = readDigits(text, at);
  const isWhole = end === text.length - 1;
  end = begin;
  return isWhole ? value : -1;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
