import { connect, type Socket } from "node:net";

/** Where the bytes of all sockets are read into, one after the other. */
const INPUT = Buffer.allocUnsafeSlow(1 << 20);

/**
 * The client's end of one connection, made to cost less than any server's end.
 *
 * Of what comes in only the frames' headers are looked at, to count the frames.
 */
export class LoadSocket {
  readonly #socket: Socket;
  /** Frames received since the upgrade. */
  frames = 0;
  isOpen = false;
  isClosed = false;
  /** Called with the number of frames that one read has completed. */
  onFrames: (count: number) => void = () => {};
  /** Called once the upgrade is answered, and if the connection is lost. */
  onChange: () => void = () => {};
  /** Bytes of the present frame that have not come yet. */
  #missing = 0;
  /** The start of a header of which the rest has not come yet. */
  #rest: Buffer | undefined;

  constructor(port: number, localAddress: string, subprotocol: string) {
    this.#socket = connect({
      port,
      host: "127.0.0.1",
      localAddress,
      noDelay: true,
      onread: {
        buffer: INPUT,
        callback: (length) => {
          this.#read(INPUT.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.isClosed = true;
      this.onChange();
    });
    this.#socket.write(
      "GET /v1/connect HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
        `Sec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
    );
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    if (!this.isOpen) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return this.#keep(bytes);
      if (!bytes.subarray(0, 12).equals(SWITCHING)) return void this.#socket.destroy();
      this.isOpen = true;
      this.onChange();
      bytes = bytes.subarray(end + 4);
    }
    const count = this.#count(bytes);
    if (count === 0) return;
    this.frames += count;
    this.onFrames(count);
  }

  /** Counts the data frames that end in these bytes; the server's pings count nothing. */
  #count(bytes: Buffer): number {
    const { length } = bytes;
    let count = 0;
    let at = 0;
    if (this.#missing > 0) {
      if (this.#missing > length) {
        this.#missing -= length;
        return 0;
      }
      at = this.#missing;
      this.#missing = 0;
      count = 1;
    }
    while (at < length) {
      if (length - at < 2) break;
      const short = bytes[at + 1]!;
      const header = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (length - at < header) break;
      const payload =
        short < 126
          ? short
          : short === 126
            ? bytes.readUInt16BE(at + 2)
            : bytes.readUInt32BE(at + 6);
      const isData = (bytes[at]! & 8) === 0;
      at += header + payload;
      if (at > length) {
        this.#missing = at - length;
        return count;
      }
      if (isData) count += 1;
    }
    if (at < length) this.#keep(bytes.subarray(at));
    return count;
  }

  #keep(rest: Buffer): void {
    this.#rest = Buffer.from(rest);
  }
}

const SWITCHING = Buffer.from("HTTP/1.1 101");

/** A masked frame of a client, with the mask zero, so that the payload is as it is. */
export function clientFrame(payload: Uint8Array, isBinary: boolean): Buffer {
  const { length } = payload;
  const first = isBinary ? 0x82 : 0x81;
  const head = length < 126 ? [first, 0x80 | length] : [first, 0xfe, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}
