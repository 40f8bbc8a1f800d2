import type { Random } from "../../src/core/random.ts";

/** What a garbage maker is given besides chance: something that is right, to be spoilt. */
export interface Valid {
  readonly credential: string;
}

type Maker = (random: Random, valid: Valid) => Uint8Array;

interface FrameParts {
  readonly opcode?: number;
  readonly final?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  /** The length that the header claims, when it is not the payload's. */
  readonly claimed?: number | undefined;
}

/** One WebSocket frame as RFC 6455 writes it, right or wrong as asked. */
export function frame(payload: string | Uint8Array, parts: FrameParts = {}): Uint8Array {
  const { opcode = 1, final = true, reserved = 0, masked = true, claimed } = parts;
  const data = typeof payload === "string" ? Buffer.from(payload) : Buffer.from(payload);
  const length = claimed ?? data.length;
  const first = (final ? 0x80 : 0) | (reserved << 4) | opcode;
  const bit = masked ? 0x80 : 0;
  let header: Buffer;
  if (length < 126) header = Buffer.from([first, bit | length]);
  else if (length < 65_536) header = Buffer.from([first, bit | 126, length >> 8, length & 255]);
  else {
    header = Buffer.alloc(10);
    header[0] = first;
    header[1] = bit | 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([header, data]);
  const mask = Buffer.from([0x1f, 0x2e, 0x3d, 0x4c]);
  return Buffer.concat([header, mask, data.map((byte, index) => byte ^ mask[index % 4]!)]);
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!;
}

export function bytes(random: Random, max: number): Uint8Array {
  return Uint8Array.from({ length: Math.floor(random() * max) }, () => Math.floor(random() * 256));
}

const ODD_VALUES = [
  null,
  true,
  -1,
  0.5,
  1e308,
  2 ** 60,
  "",
  "\u0000",
  "x".repeat(5_000),
  [],
  {},
  [[]],
  { __proto__: null, toString: 1 },
] as const;

/** Frames that are WebSocket, and not what the protocol wants. */
const MISSPOKEN: readonly Maker[] = [
  (random) => frame(Buffer.from(bytes(random, 300)).toString("latin1")),
  (random) => frame(bytes(random, 300), { opcode: 2 }),
  (random) => frame(JSON.stringify(pick(random, ODD_VALUES))),
  (random) => frame(JSON.stringify({ type: pick(random, ODD_VALUES) })),
  (random) => frame(JSON.stringify({ type: "ack", offsets: pick(random, ODD_VALUES) })),
  (random) => frame(JSON.stringify({ type: "ack", upTo: pick(random, ODD_VALUES) })),
  (random) => frame(JSON.stringify({ type: "ack", offsets: Array(3_000).fill(random()) })),
  (random) => frame(JSON.stringify({ type: "ping", id: pick(random, ODD_VALUES) })),
  (random, { credential }) =>
    frame(JSON.stringify({ type: "hello", credential, device: pick(random, ODD_VALUES) })),
  (random) =>
    frame(JSON.stringify({ type: "hello", credential: pick(random, ODD_VALUES), device: "x" })),
  (random, { credential }) =>
    frame(JSON.stringify({ type: "hello", credential: spoilt(credential, random), device: "x" })),
  (random) => frame(JSON.stringify({ type: "welcome", session: random() })),
  (random) => frame('{"type":"ping","id":1,"data":'.repeat(Math.floor(random() * 500))),
  (random) => frame("[".repeat(Math.floor(random() * 20_000))),
  (random) => frame(`{"__proto__":{"type":"ping"},"constructor":${random()}}`),
  () => frame(""),
  () => frame("{}"),
];

/** Frames that are no WebSocket frames, or ones that nobody may send. */
const MALFORMED: readonly Maker[] = [
  (random) => bytes(random, 200),
  (random) => cut(frame(JSON.stringify({ type: "ping", id: 1, data: "x".repeat(90) })), random),
  (random) => frame(bytes(random, 50), { reserved: 1 + Math.floor(random() * 7) }),
  (random) => frame(bytes(random, 50), { opcode: pick(random, [3, 5, 7, 11, 15]) }),
  () => frame('{"type":"ping","id":1}', { masked: false }),
  (random) => frame(bytes(random, 80), { opcode: 1 }),
  (random) => frame(bytes(random, 120), { opcode: 9, final: false }),
  () => frame("x".repeat(126), { opcode: 9 }),
  (random) => frame(bytes(random, 20), { opcode: 0 }),
  (random) => frame(bytes(random, 20), { opcode: 2, final: false }),
  (random) => frame(Uint8Array.of(...u16(Math.floor(random() * 65_536)), 255), { opcode: 8 }),
  (random) => frame(bytes(random, 2), { opcode: 8 }),
  (random) => frame(bytes(random, 30), { claimed: 70_000 + Math.floor(random() * 1e6) }),
  (random) => frame(bytes(random, 30), { claimed: 2 ** 52 }),
  (random) => frame(bytes(random, 30), { opcode: pick(random, [9, 10]) }),
];

export function misspoken(random: Random, valid: Valid): Uint8Array {
  return pick(random, MISSPOKEN)(random, valid);
}

/** After one of these nothing else can be said on a connection. */
export function malformed(random: Random, valid: Valid): Uint8Array {
  return pick(random, MALFORMED)(random, valid);
}

/** The same with one character changed or a part missing. */
export function spoilt(text: string, random: Random): string {
  const at = Math.floor(random() * text.length);
  return random() < 0.5 ? text.slice(0, at) : `${text.slice(0, at)}~${text.slice(at + 1)}`;
}

function cut(data: Uint8Array, random: Random): Uint8Array {
  return data.subarray(0, Math.floor(random() * data.length));
}

function u16(value: number): [number, number] {
  return [value >> 8, value & 255];
}
