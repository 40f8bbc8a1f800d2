/** A classic board over UDP, written from `docs/protocol-classic.md` and nothing else. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type Message, message, read } from "./bytes.ts";

export const OK = 0;
export const HTTP = 1000;
export const SERVER = 1001;
export const COMMAND = 1002;

export interface Reply {
  readonly code: number;
  readonly message: Message;
  /** What follows the code. */
  readonly rest: Buffer;
}

export class ClassicBoard {
  readonly mac: Buffer;
  readonly serial: Buffer;
  readonly #port: number;
  #socket: Socket | undefined;
  #got: Buffer[] = [];
  #waiting: ((datagram: Buffer) => void)[] = [];
  sequence = 0;
  sid: Buffer = Buffer.alloc(16);
  /** Its number, once it has registered or was told. */
  id = 0n;
  cookie: Buffer = Buffer.alloc(64);

  constructor(port: number, mark: number) {
    this.#port = port;
    this.mac = Buffer.alloc(8, mark);
    this.serial = Buffer.alloc(16, mark);
  }

  /** Sends any bytes. */
  async raw(bytes: Buffer): Promise<void> {
    const socket = await this.#open();
    await new Promise<void>((resolve) =>
      socket.send(bytes, this.#port, "127.0.0.1", () => resolve()),
    );
  }

  /** The next datagram that nobody has taken. */
  datagram(): Promise<Buffer> {
    const first = this.#got.shift();
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** How many datagrams nobody has taken. */
  get left(): number {
    return this.#got.length;
  }

  /** The bytes of a command, with the next number. */
  bytesOf(messageId: number, body: Buffer, said: Partial<Message> = {}): Buffer {
    this.sequence += 1;
    const { sequence, id } = this;
    return message({ opcode: 2, sequence, messageId, source: id, body, ...said });
  }

  /** Sends bytes and resolves with the reply to them. */
  async ask(bytes: Buffer): Promise<Reply> {
    await this.raw(bytes);
    return replyOf(await this.datagram());
  }

  async open(): Promise<Reply> {
    this.sequence = 0;
    const reply = await this.ask(this.bytesOf(0xe0, Buffer.concat([this.mac, this.serial])));
    this.sid = reply.rest.subarray(0, 16);
    return reply;
  }

  async register(name: string): Promise<Reply> {
    const facts = Buffer.alloc(8);
    facts.writeUInt16LE(20, 0);
    const length = Buffer.byteLength(name);
    const reply = await this.ask(
      this.bytesOf(
        0xe1,
        Buffer.concat([
          ...[this.sid, facts, this.mac, this.serial, Buffer.alloc(260)],
          ...[Buffer.of(length), Buffer.from(name)],
        ]),
      ),
    );
    this.id = reply.rest.readBigInt64LE(16);
    this.cookie = reply.rest.subarray(24, 88);
    return reply;
  }

  login(): Promise<Reply> {
    return this.ask(this.bytesOf(0xe2, Buffer.concat([this.sid, this.mac, this.cookie])));
  }

  rename(name: string): Promise<Reply> {
    const text = Buffer.concat([Buffer.of(Buffer.byteLength(name)), Buffer.from(name)]);
    return this.ask(this.bytesOf(0xe3, Buffer.concat([this.sid, this.mac, text])));
  }

  heartbeat(): Promise<Reply> {
    return this.ask(this.bytesOf(0xe5, this.sid));
  }

  upload(messageId: number, body: string, said: Partial<Message> = {}): Promise<Reply> {
    return this.ask(this.bytesOf(messageId, Buffer.concat([this.sid, Buffer.from(body)]), said));
  }

  /** Opens a session, registers and logs in. */
  async connect(name = ""): Promise<void> {
    for (const reply of [await this.open(), await this.register(name), await this.login()]) {
      if (reply.code !== OK) throw new Error(`0x${reply.message.messageId.toString(16)} failed`);
    }
  }

  /** Sends a message to another device. */
  forward(said: Partial<Message>): Promise<void> {
    this.sequence += 1;
    const inner = message({ source: this.id, ...said });
    const outer = Buffer.from(inner.subarray(0, 24));
    outer.writeUInt16LE(this.sequence, 2);
    return this.raw(Buffer.concat([outer, this.sid, inner]));
  }

  /** The next message of another device, or of the server. */
  async delivered(): Promise<Message> {
    const bytes = await this.datagram();
    if ((bytes[0]! & 7) !== 3) throw new Error("not a message of somebody");
    if (!bytes.subarray(24, 40).equals(this.sid)) throw new Error("for another session");
    return read(bytes.subarray(40));
  }

  /** Goes on from another address. */
  move(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  close(): void {
    this.#socket?.close();
  }

  async #open(): Promise<Socket> {
    if (this.#socket !== undefined) return this.#socket;
    const socket = createSocket("udp4");
    this.#socket = socket;
    socket.on("message", (datagram) => {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#got.push(datagram);
      else waiting(datagram);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return socket;
  }
}

/** Reads a reply: it has the marks of an acknowledgement, and a code. */
export function replyOf(datagram: Buffer): Reply {
  const reply = read(datagram);
  if (!reply.isAck || !reply.isRead) throw new Error("not a reply");
  return { code: reply.body.readUInt32LE(), message: reply, rest: reply.body.subarray(4) };
}
