import type { Problem } from "../../core/errors.ts";
import { describeValue } from "../../core/problems.ts";
import { CONTENT_BYTES_MAX } from "./encryption.ts";

/** How soon a browser should wake up for a message (RFC 8030, 5.3). */
export const URGENCIES = ["very-low", "low", "normal", "high"] as const;
export type Urgency = (typeof URGENCIES)[number];

/** What a page's service worker gets, and what its push service is told of it. */
export interface Content {
  /** JSON. */
  readonly text: string;
  readonly urgency: Urgency | undefined;
  /** A message that waits is replaced by the next one of the same topic. */
  readonly topic: string | undefined;
}

const TOPIC = /^[A-Za-z0-9_-]{1,32}$/;
const LINK = /^(https?:\/\/|\/)/;
const PLACEHOLDER = /\{\{[^{}]*\}\}/g;

/**
 * What is wrong with a campaign's payload before its variables are filled in.
 *
 * A text with variables is looked at when they are: it can still be wrong for somebody.
 */
export function payloadProblems(payload: unknown, path: string): readonly Problem[] {
  const problems = faultsOf(payload, (text) => text.includes("{{")).map((fault) => {
    return { ...fault, path: fault.path === "" ? path : `${path}.${fault.path}` };
  });
  const literal = (JSON.stringify(payload) ?? "").replaceAll(PLACEHOLDER, "");
  const bytes = Buffer.byteLength(literal);
  if (bytes > CONTENT_BYTES_MAX) problems.push({ ...tooLong(bytes), path });
  return problems;
}

/** What goes to browsers of one member, or why nothing can. */
export function contentOf(payload: string, id: string): Content | { readonly reason: string } {
  const value: unknown = JSON.parse(payload);
  const [fault] = faultsOf(value, () => false);
  if (fault !== undefined) return { reason: describe({ ...fault, path: `payload.${fault.path}` }) };
  const { webPush = {}, ...shown } = value as Payload;
  const text = JSON.stringify({ ...shown, id });
  const bytes = Buffer.byteLength(text);
  if (bytes > CONTENT_BYTES_MAX)
    return { reason: describe({ ...tooLong(bytes), path: "payload" }) };
  return { text, urgency: webPush.urgency, topic: webPush.topic };
}

interface Payload {
  readonly webPush?: { readonly urgency?: Urgency; readonly topic?: string };
}

type Fields = Readonly<Record<string, unknown>>;

function faultsOf(value: unknown, isOpen: (text: string) => boolean): Problem[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ path: "", expected: "an object with a title", got: describeValue(value) }];
  }
  const problems: Problem[] = [];
  const check = (
    path: string,
    it: unknown,
    expected: string,
    isGood: (text: string) => boolean,
  ) => {
    const good = typeof it === "string" && (isOpen(it) || isGood(it));
    if (!good) problems.push({ path, expected, got: describeValue(it) });
  };
  const { title, body, link, webPush } = value as Fields;
  check("title", title, "a text", (text) => text !== "");
  if (body !== undefined) check("body", body, "a text", () => true);
  if (link !== undefined) {
    check("link", link, "an address that begins with https://, http:// or /", (text) => {
      return LINK.test(text);
    });
  }
  if (webPush === undefined) return problems;
  if (typeof webPush !== "object" || webPush === null || Array.isArray(webPush)) {
    const expected = "an object with urgency, topic, or both";
    return [...problems, { path: "webPush", expected, got: describeValue(webPush) }];
  }
  const { urgency, topic, ...others } = webPush as Fields;
  if (urgency !== undefined) {
    check("webPush.urgency", urgency, `one of ${URGENCIES.join(", ")}`, (text) => {
      return (URGENCIES as readonly string[]).includes(text);
    });
  }
  if (topic !== undefined) {
    const expected = "1 to 32 letters, digits, - or _";
    check("webPush.topic", topic, expected, (text) => TOPIC.test(text));
  }
  for (const [name, it] of Object.entries(others)) {
    problems.push({ path: `webPush.${name}`, expected: "no such field", got: describeValue(it) });
  }
  return problems;
}

function tooLong(bytes: number): Omit<Problem, "path"> {
  const expected = `at most ${CONTENT_BYTES_MAX} bytes of JSON, which push services take`;
  return { expected, got: `${bytes}` };
}

function describe({ path, expected, got }: Problem): string {
  return `${path.replace(/\.$/, "")}: expected ${expected}, got ${got}`;
}
