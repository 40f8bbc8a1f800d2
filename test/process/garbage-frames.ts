import type { Random } from "../../src/core/random.ts";

/** What a garbage maker is given besides chance: something that is right, and a way to write it. */
export interface Tongue {
  readonly credential: string;
  /** The opcode of messages in the connection's encoding. */
  readonly opcode: 1 | 2;
  encode(value: unknown): Uint8Array;
}

type Maker = (random: Random, tongue: Tongue) => Uint8Array;

interface FrameParts {
  readonly opcode?: number;
  readonly final?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  readonly mask?: number;
  /** The length that the header claims, when it is not the payload's. */
  readonly claimed?: bigint | undefined;
  /** Bytes of the length: 1, 3 or 9. Those that it needs by default. */
  readonly lengthBytes?: number;
}

const OPCODE = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;
const CONTROL_MAX = 125;

/** One WebSocket frame as RFC 6455 writes it, right or wrong as asked. */
export function frame(payload: string | Uint8Array, parts: FrameParts = {}): Buffer {
  const { opcode = OPCODE.text, final = true, reserved = 0, masked = true, mask = 0 } = parts;
  const data = typeof payload === "string" ? Buffer.from(payload) : payload;
  const length = parts.claimed ?? BigInt(data.length);
  const needed = length < 126 ? 1 : length < 65_536 ? 3 : 9;
  const lengthBytes = Math.max(needed, parts.lengthBytes ?? 1);
  const head = 1 + lengthBytes + (masked ? 4 : 0);
  const bytes = Buffer.allocUnsafe(head + data.length);
  bytes[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode;
  const short = lengthBytes === 1 ? Number(length) : lengthBytes === 3 ? 126 : 127;
  bytes[1] = (masked ? 0x80 : 0) | short;
  if (lengthBytes === 3) bytes.writeUInt16BE(Number(length), 2);
  if (lengthBytes === 9) bytes.writeBigUInt64BE(length, 2);
  bytes.set(data, head);
  if (!masked) return bytes;
  bytes.writeUInt32BE(mask, head - 4);
  for (let at = 0; mask !== 0 && at < data.length; at += 1) {
    bytes[head + at]! ^= bytes[head - 4 + (at & 3)]!;
  }
  return bytes;
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)]!;
}

export function bytes(random: Random, max: number): Uint8Array {
  const made = new Uint8Array(below(random, max));
  for (let at = 0; at < made.length; at += 1) made[at] = random() * 256;
  return made;
}

function below(random: Random, max: number): number {
  return Math.floor(random() * max);
}

/** A part of them that is usually small, so that the large ones cost no more than they tell. */
function few(random: Random, max: number): number {
  return Math.floor(random() ** 6 * max);
}

const ODD_VALUES: readonly unknown[] = [
  ...[null, true, -1, 0.5, 1e308, 2 ** 60, "", "\u0000", "é🙂", "__proto__"],
  ...["x".repeat(5_000), [], {}, [[]], { toString: 1 }],
];

/** Messages that are no frames of the protocol. */
const MISSPOKEN: readonly ((random: Random, tongue: Tongue) => unknown)[] = [
  (random) => pick(random, ODD_VALUES),
  (random) => ({ type: pick(random, ODD_VALUES) }),
  (random) => ({ type: "ack", offsets: pick(random, ODD_VALUES) }),
  (random) => ({ type: "ack", upTo: pick(random, ODD_VALUES) }),
  (random) => ({ type: "ack", offsets: Array(few(random, 2_000)).fill(random()) }),
  (random) => ({ type: "ping", id: pick(random, ODD_VALUES) }),
  (random) => ({ type: "send", id: 1, to: pick(random, ODD_VALUES), payload: null }),
  (random) => ({ type: "subscribe", id: 1, topic: pick(random, ODD_VALUES) }),
  (random) => ({ type: "answer", request: pick(random, ODD_VALUES) }),
  (random) => ({ type: "refresh", id: 1, credential: pick(random, ODD_VALUES) }),
  (random, { credential }) => ({ type: "hello", credential, device: pick(random, ODD_VALUES) }),
  (random) => ({ type: "hello", credential: pick(random, ODD_VALUES), device: "x" }),
  (random) => ({ type: "welcome", session: random() }),
  () => ({}),
];

/** A message that is well-formed WebSocket, whatever else it is. */
function message(random: Random, tongue: Tongue): Uint8Array {
  const chance = below(random, 8);
  if (chance > 2) return tongue.encode(pick(random, MISSPOKEN)(random, tongue));
  if (tongue.opcode === 2) return bytes(random, 300);
  if (chance === 0) return Buffer.from(Buffer.from(bytes(random, 300)).toString("latin1"));
  if (chance === 1) return Buffer.from("[".repeat(few(random, 20_000)));
  return Buffer.from('{"type":"ping","id":1,"data":'.repeat(few(random, 500)));
}

/** A message in one frame or many, in any form that may be sent, with control frames between. */
function inFrames(random: Random, payload: Uint8Array, opcode: number): Buffer {
  const form = () => ({ mask: below(random, 2 ** 32), lengthBytes: pick(random, [1, 1, 3, 9]) });
  if (random() < 0.7) return frame(payload, { opcode, ...form() });
  const parts: Buffer[] = [];
  const count = 1 + below(random, 4);
  for (let n = 0, from = 0; n <= count; n += 1) {
    const to = n === count ? payload.length : from + below(random, payload.length - from + 1);
    const fin = { final: n === count, opcode: n === 0 ? opcode : OPCODE.continuation };
    parts.push(frame(payload.subarray(from, to), { ...fin, ...form() }));
    if (n < count && random() < 0.5) parts.push(control(random));
    from = to;
  }
  return Buffer.concat(parts);
}

function control(random: Random): Buffer {
  const opcode = random() < 0.5 ? OPCODE.ping : OPCODE.pong;
  return frame(bytes(random, CONTROL_MAX + 1), { opcode, mask: below(random, 2 ** 32) });
}

/** Something after which the connection goes on, as long as some of it makes sense. */
export function misspoken(random: Random, tongue: Tongue): Buffer {
  if (random() < 0.2) return control(random);
  return inFrames(random, message(random, tongue), tongue.opcode);
}

/** A request that is right, in any form. */
export function rightly(random: Random, tongue: Tongue, data: string): Buffer {
  return inFrames(random, tongue.encode({ type: "ping", id: 7, data }), tongue.opcode);
}

const PING = '{"type":"ping","id":1,"data":"é"}';

/** What nobody may send, or what the node cannot understand afterwards. */
const MALFORMED: readonly Maker[] = [
  (random) => bytes(random, 200),
  // Every bit of the first two bytes of the header.
  (random, tongue) => {
    const right = frame(tongue.encode({ type: "ping", id: 1 }), { opcode: tongue.opcode });
    right[0] = random() * 256;
    if (random() < 0.3) right[1] = random() * 256;
    return right;
  },
  (random) => cut(frame(PING.repeat(9)), random),
  (random) => frame(PING, { reserved: 1 + below(random, 7) }),
  (random) => frame(PING, { opcode: pick(random, [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) }),
  (random) => frame(PING, { masked: random() < 0.5, lengthBytes: pick(random, [1, 3, 9]) }),
  // The other kind of message than was agreed.
  (random, { opcode }) => frame(bytes(random, 80), { opcode: 3 - opcode }),
  // Text that is not UTF-8, whole and in fragments.
  (random) => Buffer.concat([frame(cut(Buffer.from(PING), random), { final: false }), frame("é")]),
  (random) => frame(Buffer.from([0x22, ...bytes(random, 40), 0xff, 0x22])),
  // Control frames that are too long, or in fragments.
  (random) => frame(bytes(random, 120), { opcode: pick(random, [8, 9, 10]), final: false }),
  (random) => frame("x".repeat(126 + below(random, 9)), { opcode: pick(random, [8, 9, 10]) }),
  // Fragments of nothing, and a message inside another.
  (random) => frame(bytes(random, 20), { opcode: 0, final: random() < 0.5 }),
  (random) =>
    Buffer.concat([frame(PING, { final: false }), frame(PING, { final: random() < 0.5 })]),
  // Closes of every code and reason, and what comes after one.
  (random) => frame(Uint8Array.of(below(random, 20), below(random, 256)), { opcode: 8 }),
  (random) => frame(bytes(random, 130), { opcode: 8 }),
  (random) =>
    Buffer.concat([frame(Uint8Array.of(3, 232), { opcode: 8 }), frame(PING), control(random)]),
  // Lengths that are not there, up to all of 64 bits.
  (random) => frame(bytes(random, 30), { claimed: 70_000n + BigInt(below(random, 1e6)) }),
  (random) => frame(bytes(random, 30), { claimed: 1n << BigInt(below(random, 64)) }),
  (random) => frame(bytes(random, 30), { claimed: (1n << 64n) - 1n - BigInt(below(random, 9)) }),
  (random) => frame(Buffer.alloc(pick(random, [65_537, 70_000, 140_000]), 0x20)),
];

/** After one of these nothing else can be said on a connection. */
export function malformed(random: Random, tongue: Tongue): Uint8Array {
  return pick(random, MALFORMED)(random, tongue);
}

/** The same with one character changed or a part missing. */
export function spoilt(text: string, random: Random): string {
  const at = Math.floor(random() * text.length);
  return random() < 0.5 ? text.slice(0, at) : `${text.slice(0, at)}~${text.slice(at + 1)}`;
}

function cut(data: Uint8Array, random: Random): Uint8Array {
  return data.subarray(0, Math.floor(random() * data.length));
}
