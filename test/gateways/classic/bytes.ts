/** The bytes of classic messages, written from `docs/protocol-classic.md` and nothing else. */
import { createHash } from "node:crypto";

export interface Message {
  readonly opcode: number;
  readonly sequence: number;
  readonly time: number;
  readonly destination: bigint;
  readonly source: bigint;
  readonly isRead: boolean;
  readonly isAck: boolean;
  readonly dataSequence: number;
  readonly messageId: number;
  readonly body: Buffer;
}

export const SECRET = "a secret of no worth";

const USUAL: Message = {
  ...{ opcode: 3, sequence: 1, time: 0, destination: 0n, source: 0n, isRead: false, isAck: false },
  ...{ dataSequence: 1, messageId: 0x32, body: Buffer.alloc(0) },
};

function check(bytes: Buffer, from: number, to: number): number {
  let rest = 0;
  for (const byte of bytes.subarray(from, to)) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      rest = ((rest << 1) ^ ((rest & 0x80) === 0 ? 0 : 0x31)) & 0xff;
    }
  }
  return rest;
}

/** One message; what is not said is usual. */
export function message(said: Partial<Message>): Buffer {
  const { opcode, sequence, time, destination, source, body, ...data } = { ...USUAL, ...said };
  const bytes = Buffer.alloc(36 + body.length);
  bytes[0] = 0x80 | opcode;
  bytes.writeUInt16LE(sequence, 2);
  bytes.writeUInt32LE(time, 4);
  bytes.writeBigInt64LE(destination, 8);
  bytes.writeBigInt64LE(source, 16);
  bytes[24] = (data.isRead ? 0x80 : 0) | (data.isAck ? 0x40 : 0);
  bytes[25] = data.dataSequence;
  bytes.writeUInt16LE(data.messageId, 28);
  bytes.writeUInt16LE(body.length, 30);
  body.copy(bytes, 36);
  bytes[32] = check(bytes, 0, 32);
  bytes[33] = check(bytes, 34, bytes.length);
  return bytes;
}

/** Reads one message. @throws Error where a length or a check does not hold. */
export function read(bytes: Buffer): Message {
  const length = bytes.readUInt16LE(30);
  if (bytes.length !== 36 + length) throw new Error(`${bytes.length} bytes, of ${36 + length}`);
  if (bytes[32] !== check(bytes, 0, 32)) throw new Error("the header check does not hold");
  if (bytes[33] !== check(bytes, 34, bytes.length)) throw new Error("the body check does not hold");
  return {
    opcode: bytes[0]! & 7,
    sequence: bytes.readUInt16LE(2),
    time: bytes.readUInt32LE(4),
    destination: bytes.readBigInt64LE(8),
    source: bytes.readBigInt64LE(16),
    isRead: (bytes[24]! & 0x80) !== 0,
    isAck: (bytes[24]! & 0x40) !== 0,
    dataSequence: bytes[25]!,
    messageId: bytes.readUInt16LE(28),
    body: bytes.subarray(36),
  };
}

/** The body of a message 0x36. */
export function statusOf({ messageId, body }: Message) {
  if (messageId !== 0x36) throw new Error(`a message 0x${messageId.toString(16)}`);
  const payload = body.subarray(10);
  if (payload.length !== body[9]) throw new Error("the payload is not as long as it says");
  return { type: body[0]!, id: body.readBigInt64LE(1), payload };
}

/** The text that a device logs in with; the clock is in milliseconds. */
export function loginText(
  id: bigint,
  { clock, timeout = 30, secret = SECRET }: LoginFacts,
): string {
  const head = `${id}|${clock === undefined ? 0 : Math.floor(clock / 1000)}|${timeout}`;
  return `${head}|${createHash("md5").update(`${head}|${secret}`).digest("base64")}`;
}

export interface LoginFacts {
  /** Undefined: the device has none. */
  readonly clock: number | undefined;
  readonly timeout?: number;
  readonly secret?: string;
}
