/**
 * A second opinion on every frame: a judge written from `docs/protocol.md`, and general libraries
 * that read the bytes. A codec takes what both allow, as they read it, and nothing else.
 */
import { isDeepStrictEqual } from "node:util";
import { Packr, Unpackr } from "msgpackr";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import { jsonCodec } from "../../../src/gateways/protocol/json.ts";
import { msgpackCodec } from "../../../src/gateways/protocol/msgpack.ts";
import { bufferOf } from "../../conformance/codec.ts";

const INPUTS = 100_000;
/** Some two seconds each on a machine that has nothing else to do. */
const WAIT_MS = 30_000;
const DEPTH_MAX = 32;
const MAX = 2 ** 53 - 1;
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for.
const NOT_IN_NAMES = /[\0-\x1f\x7f-\x9f\u2028\u2029]/;

type Fields = Readonly<Record<string, unknown>>;

/** The frame that the page lets the server take from a value; undefined if it must refuse it. */
function allowed(value: unknown): Fields | undefined {
  if (!isFields(value) || !isPlain(value, 1)) return undefined;
  const { type, id, data, offsets, upTo, credential, device, resume, offset } = value;
  if (type === "ping") return isInteger(id) ? known({ type, id, data }) : undefined;
  if (type === "ack") {
    if (offsets === undefined && upTo === undefined) return undefined;
    if (upTo !== undefined && !isInteger(upTo)) return undefined;
    const isList = Array.isArray(offsets) && offsets.length <= 1000 && offsets.every(isInteger);
    return offsets === undefined || isList ? known({ type, offsets, upTo }) : undefined;
  }
  if (type !== "hello" || !isText(credential, 8192) || !isText(device, 128)) return undefined;
  if (NOT_IN_NAMES.test(device) || !device.isWellFormed()) return undefined;
  if (resume !== undefined && !isText(resume, 256)) return undefined;
  if (offset !== undefined && !isInteger(offset)) return undefined;
  return known({ type, credential, device, resume, offset });
}

/** Whether a value has nothing in it that is refused wherever it stands. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value === "bigint" || value === undefined) return false;
  if (typeof value !== "object" || value === null) return true;
  if (depth > DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) return false;
  return Object.entries(value).every(
    ([key, item]) => key !== "__proto__" && isPlain(item, depth + 1),
  );
}

function known(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length >= 1 && value.length <= max;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Maps stay maps, so that keys keep their types; integers keep all of their 64 bits. */
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false, int64AsType: "bigint" });
const packr = new Packr({ useRecords: false, variableMapSize: true });

function judgeJson(bytes: Uint8Array): Fields | undefined {
  try {
    return allowed(JSON.parse(decoder.decode(bytes)));
  } catch {
    return undefined;
  }
}

function judgeMsgpack(bytes: Uint8Array): Fields | undefined {
  try {
    return allowed(withoutMaps(unpackr.unpack(bytes)));
  } catch {
    return undefined;
  }
}

/** @throws Error for keys that are no strings, which the page does not allow. */
function withoutMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMaps);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (!(value instanceof Map)) return value;
  const entries = [...value].map(([key, item]): [string, unknown] => {
    if (typeof key !== "string") throw new Error("a key that is no string");
    return [key, withoutMaps(item)];
  });
  return Object.fromEntries(entries);
}

interface Opinion {
  readonly taken: number;
  readonly refused: number;
}

/** Lets both decide each input; or only those that the codec takes, where the judge is lax. */
function compare(
  codec: typeof jsonCodec,
  judge: (bytes: Uint8Array) => Fields | undefined,
  { make, isLax = false }: { make(random: Random): Uint8Array; readonly isLax?: boolean },
): Opinion {
  const random = seededRandom(20_260_314);
  let taken = 0;
  for (let round = 0; round < INPUTS; round += 1) {
    const bytes = make(random);
    const result = codec.decode(bufferOf(bytes));
    if (result.ok) taken += 1;
    else if (isLax) continue;
    const told = judge(bytes);
    if (isDeepStrictEqual(result.ok ? result.value : undefined, told)) continue;
    const said = JSON.stringify(result.ok ? result.value : result.error.problems);
    expect.fail(`${said}, not ${JSON.stringify(told)}: ${Buffer.from(bytes).toString("hex")}`);
  }
  return { taken, refused: INPUTS - taken };
}

test(
  `${INPUTS} JSON texts are taken exactly where the page allows them`,
  () => {
    const { taken, refused } = compare(jsonCodec, judgeJson, { make: jsonText });
    expect(taken).toBeGreaterThan(INPUTS / 10);
    expect(refused).toBeGreaterThan(INPUTS / 10);
  },
  WAIT_MS,
);

test(
  `${INPUTS} MessagePack maps are taken exactly where the page allows them`,
  () => {
    const make = (random: Random) => Uint8Array.from(packr.pack(frameOf(random)));
    const { taken, refused } = compare(msgpackCodec, judgeMsgpack, { make });
    expect(taken).toBeGreaterThan(INPUTS / 10);
    expect(refused).toBeGreaterThan(INPUTS / 10);
  },
  WAIT_MS,
);

test(
  `${INPUTS} damaged MessagePack maps are taken only where the page allows them`,
  () => {
    // The library reads some broken UTF-8 and stops at no depth: of those it cannot be the judge.
    const { taken, refused } = compare(msgpackCodec, judgeMsgpack, { make: damaged, isLax: true });
    expect(taken).toBeGreaterThan(INPUTS / 20);
    expect(refused).toBeGreaterThan(INPUTS / 10);
  },
  WAIT_MS,
);

const pick = <T>(random: Random, list: readonly T[]): T =>
  list[Math.floor(random() * list.length)]!;

const NUMBERS = [0, -0, 1, 127, 128, 255, 256, 65_536, 2 ** 32, MAX, MAX + 1, -1, 1.5, 1e300];
const TEXTS = ["", "a", "phone", "é", "漢", "🙂", "a\nb", "\u2028", "\u0085", "x y", "ping"];

function anyValue(random: Random, depth = 0): unknown {
  const kind = Math.floor(random() * (depth > 2 ? 6 : 9));
  if (kind < 2) return pick(random, NUMBERS);
  if (kind < 4) return pick(random, TEXTS);
  if (kind === 4) return pick(random, [null, true, false]);
  if (kind === 5) return pick(random, ["x".repeat(128), "x".repeat(129), "x".repeat(257)]);
  if (kind === 6) return nested(random() < 0.9 ? 2 : 27 + Math.floor(random() * 8));
  const length = Math.floor(random() * 4);
  if (kind === 7) return Array.from({ length }, () => anyValue(random, depth + 1));
  const keys = ["id", "type", "constructor", "toString", "é", "", "then"];
  return Object.fromEntries(
    Array.from({ length }, () => [pick(random, keys), anyValue(random, depth + 1)]),
  );
}

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { in: value };
  return value;
}

/** A frame that is mostly right; each field has a good chance to be something else. */
function frameOf(random: Random): unknown {
  if (random() < 0.05) return anyValue(random);
  const or = (good: unknown): unknown => (random() < 0.85 ? good : anyValue(random));
  const integer = () => pick(random, [0, 1, 128, 70_000, 2 ** 40, MAX]);
  const maybe = (name: string, good: unknown): Fields =>
    random() < 0.6 ? { [name]: or(good) } : {};
  const many = pick(random, [1, 2, 3, 3, 3, 17, 1000, 1001]);
  const made = pick<() => Fields>(random, [
    () => ({ type: or("ping"), id: or(integer()), ...maybe("data", anyValue(random)) }),
    () => ({
      type: or("ack"),
      ...maybe("offsets", Array(random() < 0.95 ? many % 100 : many).fill(or(integer()))),
      ...maybe("upTo", integer()),
    }),
    () => ({
      type: or("hello"),
      credential: or("a.b.c"),
      device: or("phone"),
      ...maybe("resume", "s_1.x"),
      ...maybe("offset", integer()),
    }),
  ])();
  const extra = random() < 0.1 ? { later: anyValue(random) } : {};
  const entries = Object.entries({ ...made, ...extra });
  return Object.fromEntries(random() < 0.2 ? entries.reverse() : entries);
}

const LITERALS = [
  "-0",
  "01",
  "1.0",
  "1e2",
  "1e400",
  "-1e400",
  "9007199254740993",
  "0x1",
  "NaN",
  "+1",
];
const HEX = ["\\u0070ing", "\\u005f_proto__", "\\ud800", "\\n", "\\x"];

/** A frame as text, written as others may write it, or with some damage. */
function jsonText(random: Random): Uint8Array {
  let text = JSON.stringify(frameOf(random));
  const chance = random();
  if (chance < 0.1) text = JSON.stringify(JSON.parse(text), null, pick(random, [1, "\t"]));
  else if (chance < 0.2) text = text.replace(/\d+/, () => pick(random, LITERALS));
  else if (chance < 0.3) text = text.replace(/ping|phone|later|data/, () => pick(random, HEX));
  else if (chance < 0.35) text = text.replace("{", `{"type":"${pick(random, TEXTS)}",`);
  else if (chance < 0.4) text = text.replace("{", '{"__proto__":{"type":"ping"},');
  else if (chance < 0.45) text = `${pick(random, [" ", "\n", "\ufeff", "[", "\u00a0", ""])}${text}`;
  const bytes = Buffer.from(text);
  return random() < 0.3 ? spoil(random, bytes) : bytes;
}

function damaged(random: Random): Uint8Array {
  return spoil(random, Uint8Array.from(packr.pack(frameOf(random))));
}

/** Changes, removes or adds a few bytes. */
function spoil(random: Random, bytes: Uint8Array): Uint8Array {
  const at = Math.floor(random() * (bytes.length + 1));
  const kept = bytes.subarray(Math.min(bytes.length, at + Math.floor(random() * 3)));
  const noise = Array.from({ length: Math.floor(random() * 3) }, () => Math.floor(random() * 256));
  return Uint8Array.from([...bytes.subarray(0, at), ...noise, ...kept]);
}
