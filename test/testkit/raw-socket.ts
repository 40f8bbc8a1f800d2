/**
 * A WebSocket client on a bare TCP socket, for what a proper client would never send.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** One WebSocket frame as it came. */
export interface RawFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface RawOptions {
  readonly port: number;
  readonly protocol?: string | undefined;
  readonly localAddress?: string;
  /** Replaces or adds request headers; undefined removes one. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** Opcodes of RFC 6455. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A connection whose every byte is under the test's control. */
export class RawSocket {
  readonly socket: Socket;
  /** The head of the answer to the upgrade. */
  head = "";
  /** What came after the head when the upgrade was refused. */
  body = "";
  readonly frames: RawFrame[] = [];
  isClosed = false;
  #bytes: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Sends the upgrade and waits for the head of the answer. */
  static async open({ port, protocol, localAddress, headers }: RawOptions): Promise<RawSocket> {
    const host = "127.0.0.1";
    const socket = connect({ port, host, ...(localAddress ? { localAddress } : {}) });
    const raw = new RawSocket(socket);
    const all: Record<string, string | undefined> = {
      Host: "herald.example",
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      "Sec-WebSocket-Protocol": protocol,
      ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== undefined);
    const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.write(`GET /v1/connect HTTP/1.1\r\n${text}\r\n`);
    await raw.until(() => raw.head !== "");
    return raw;
  }

  get status(): number {
    return Number(this.head.split(" ")[1] ?? 0);
  }

  /** The close code that came, if one did. */
  get closeCode(): number | undefined {
    const close = this.frames.find(({ opcode }) => opcode === OPCODE.close);
    return close && close.payload.length >= 2 ? close.payload.readUInt16BE(0) : undefined;
  }

  /** The JSON frames that came as text. */
  get json(): Record<string, unknown>[] {
    return this.frames
      .filter(({ opcode }) => opcode === OPCODE.text)
      .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>);
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  sendJson(value: unknown): void {
    this.write(maskedFrame(OPCODE.text, Buffer.from(JSON.stringify(value))));
  }

  /** Resolves when `condition` holds, or the connection is closed. Asked after each arrival. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async closed(): Promise<void> {
    await this.until(() => false);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.head === "") {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.head = this.#bytes.toString("latin1", 0, end);
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    if (this.status === 101) this.#takeFrames();
    else this.body = this.#bytes.toString();
    this.#wake();
  }

  #takeFrames(): void {
    for (;;) {
      const bytes = this.#bytes;
      if (bytes.length < 2) return;
      const [first, second] = [bytes[0]!, bytes[1]!];
      let length = second & 127;
      let at = 2;
      if (length === 126) {
        if (bytes.length < 4) return;
        length = bytes.readUInt16BE(2);
        at = 4;
      } else if (length === 127) {
        if (bytes.length < 10) return;
        length = Number(bytes.readBigUInt64BE(2));
        at = 10;
      }
      // Whole, without reserved bits, not masked, its length in no more bytes than it needs.
      const needed = length < 126 ? 2 : length < 65_536 ? 4 : 10;
      if ((first & 0xf0) !== 0x80 || second > 127 || at !== needed) {
        throw new Error(`a frame that no server may send: ${bytes.toString("hex", 0, at)}`);
      }
      if (bytes.length < at + length) return;
      this.frames.push({ opcode: bytes[0]! & 15, payload: bytes.subarray(at, at + length) });
      this.#bytes = bytes.subarray(at + length);
    }
  }
}

/** A frame as a client sends it. `first` overrides the first byte: FIN, reserved bits, opcode. */
export function maskedFrame(opcode: number, payload: Uint8Array, first = 0x80 | opcode): Buffer {
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : length < 65_536
        ? Buffer.from([first, 0xfe, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([first, 0xff, 0, 0, 0, 0]), uint32(length)]);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let index = 0; index < length; index += 1) masked[index]! ^= mask[index & 3]!;
  return Buffer.concat([head, mask, masked]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
