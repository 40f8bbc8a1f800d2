import { connect, type Socket } from "node:net";
import { decodeMsgpack, encodeMsgpack } from "../../clients/js/src/msgpack.ts";
import { clientFrame } from "./load-socket.ts";
import type { Frame, OpenWire, Wire, WireEvents } from "./wire.ts";

export type Encoding = "json" | "msgpack";

export interface Place {
  readonly port: number;
  readonly localAddress: string;
}

const OPCODE = { text: 1, binary: 2, close: 8, ping: 9 } as const;
const UPGRADE =
  "GET /v1/connect HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
  "Sec-WebSocket-Protocol: herald.v1.";
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const GOOD_BYE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);

export function webSocketWire(place: Place, encoding: Encoding): OpenWire {
  return (events) => new WebSocketWire(place, encoding, events);
}

/** A WebSocket that reads what comes: frames, pings, closes. */
class WebSocketWire implements Wire {
  readonly #socket: Socket;
  readonly #encoding: Encoding;
  readonly #events: WireEvents;
  #bytes: Buffer = Buffer.alloc(0);
  #isOpen = false;
  #closeCode: number | undefined;

  constructor({ port, localAddress }: Place, encoding: Encoding, events: WireEvents) {
    this.#encoding = encoding;
    this.#events = events;
    this.#socket = connect({ port, localAddress, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => events.onClose(this.#closeCode));
    this.#socket.write(`${UPGRADE}${encoding}\r\n\r\n`);
  }

  send(frame: object): void {
    const isBinary = this.#encoding === "msgpack";
    const bytes = isBinary ? encodeMsgpack(frame) : Buffer.from(JSON.stringify(frame));
    this.#socket.write(clientFrame(bytes, isBinary));
  }

  drop(): void {
    // Without a reset its port stays taken for a minute: with 50 000 of those this process spends
    // its time on looking for a free one, and a storm of 3 s takes 30.
    this.#socket.resetAndDestroy();
  }

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
    this.#events.onOpen();
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
        this.#events.onFrame(JSON.parse(payload.toString()) as Frame);
        break;
      case OPCODE.binary:
        this.#events.onFrame(decodeMsgpack(payload) as Frame);
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
