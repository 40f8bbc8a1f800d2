import { connect, type Socket } from "node:net";
import { clientFrame } from "./load-socket.ts";

export type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;

export interface JsonSocketOptions {
  readonly port: number;
  readonly localAddress: string;
  readonly onOpen: () => void;
  readonly onFrame: (frame: Frame) => void;
  /** With the code of the server's close frame; undefined: there was none. Once. */
  readonly onClose: (code: number | undefined) => void;
}

const OPCODE = { text: 1, close: 8, ping: 9 } as const;
const UPGRADE =
  "GET /v1/connect HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
  "Sec-WebSocket-Protocol: herald.v1.json\r\n\r\n";
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const GOOD_BYE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);

/** A device's end of one connection that reads what comes: frames of JSON, pings, closes. */
export class JsonSocket {
  readonly #socket: Socket;
  readonly #options: JsonSocketOptions;
  #bytes: Buffer = Buffer.alloc(0);
  #isOpen = false;
  #closeCode: number | undefined;

  constructor(options: JsonSocketOptions) {
    const { port, localAddress } = options;
    this.#options = options;
    this.#socket = connect({ port, localAddress, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => options.onClose(this.#closeCode));
    this.#socket.write(UPGRADE);
  }

  send(frame: object): void {
    this.#socket.write(clientFrame(Buffer.from(JSON.stringify(frame)), false));
  }

  /** Ends it without a word, as a lost network does. */
  drop(): void {
    this.#socket.destroy();
  }

  /** Ends the session, too. */
  sayGoodBye(): void {
    this.#socket.write(GOOD_BYE);
  }

  #take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (!this.#isOpen && !this.#upgraded()) return;
    while (this.#bytes.length >= 2 && this.#frame());
  }

  #upgraded(): boolean {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end < 0) return false;
    if (this.#bytes.toString("latin1", 9, 12) !== "101") {
      this.#socket.destroy();
      return false;
    }
    this.#bytes = this.#bytes.subarray(end + 4);
    this.#isOpen = true;
    this.#options.onOpen();
    return true;
  }

  /** Handles the next frame; false when not all of it is there. */
  #frame(): boolean {
    const bytes = this.#bytes;
    const short = bytes[1]!;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return false;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : bytes.readUInt32BE(6);
    if (bytes.length < head + length) return false;
    const payload = bytes.subarray(head, head + length);
    this.#bytes = bytes.subarray(head + length);
    switch (bytes[0]! & 15) {
      case OPCODE.text:
        this.#options.onFrame(JSON.parse(payload.toString()) as Frame);
        break;
      case OPCODE.ping:
        this.#socket.write(PONG);
        break;
      case OPCODE.close:
        this.#closeCode = length >= 2 ? payload.readUInt16BE(0) : undefined;
        this.#socket.end();
        break;
    }
    return true;
  }
}
