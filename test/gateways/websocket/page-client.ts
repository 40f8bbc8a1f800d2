/**
 * A device written from `docs/protocol.md` alone, on a bare TCP socket: it can drop, stop reading
 * and come back. It keeps what section "What a client does" tells it to keep.
 */
import { Packr, Unpackr } from "msgpackr";
import { maskedFrame, OPCODE, RawSocket } from "../../testkit/raw-socket.ts";

export type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;
export type Encoding = "json" | "msgpack";

export interface PushFrame {
  readonly type: "push";
  readonly id: string;
  readonly offset?: number;
  readonly topic: string;
  readonly payload: unknown;
  readonly ack: boolean;
  readonly expiresAt: number;
  readonly redelivered?: true;
}

export interface DeviceOptions {
  readonly port: number;
  readonly credential: string;
  readonly device?: string;
  readonly encoding?: Encoding;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: "number" });

export function encode(frame: object, encoding: Encoding): Buffer {
  if (encoding === "msgpack") return maskedFrame(OPCODE.binary, packr.pack(frame));
  return maskedFrame(OPCODE.text, Buffer.from(JSON.stringify(frame)));
}

/** One connection, before and after its log-in. */
export class PageConnection {
  readonly raw: RawSocket;
  readonly #encoding: Encoding;
  readonly #frames: Frame[] = [];
  #read = 0;
  #pings = 0;

  private constructor(raw: RawSocket, encoding: Encoding) {
    this.raw = raw;
    this.#encoding = encoding;
  }

  static async open(port: number, encoding: Encoding = "json"): Promise<PageConnection> {
    const raw = await RawSocket.open({ port, protocol: `herald.v1.${encoding}` });
    if (raw.status !== 101) throw new Error(`refused: ${raw.head} ${raw.body}`);
    return new PageConnection(raw, encoding);
  }

  /** All frames so far. */
  get frames(): readonly Frame[] {
    for (; this.#read < this.raw.frames.length; this.#read += 1) {
      const { opcode, payload } = this.raw.frames[this.#read]!;
      const isText = opcode === OPCODE.text;
      if (!isText && opcode !== OPCODE.binary) continue;
      if (isText !== (this.#encoding === "json")) throw new Error("a message of the other kind");
      this.#frames.push(isText ? JSON.parse(payload.toString()) : unpackr.unpack(payload));
    }
    return this.#frames;
  }

  of(type: string): readonly Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  get pushes(): readonly PushFrame[] {
    return this.of("push") as unknown as readonly PushFrame[];
  }

  get closeCode(): number | undefined {
    return this.raw.closeCode;
  }

  /** Several frames go out as one write, and so arrive together. */
  send(...frames: readonly object[]): void {
    this.raw.write(Buffer.concat(frames.map((frame) => encode(frame, this.#encoding))));
  }

  /** Waits for a number of frames of a type and gives the last of them. */
  async next(type: string, count = 1): Promise<Frame> {
    await this.raw.until(() => this.of(type).length >= count);
    const frame = this.of(type)[count - 1];
    if (frame === undefined) {
      throw new Error(`closed (${this.closeCode}) before ${type}: ${JSON.stringify(this.frames)}`);
    }
    return frame;
  }

  /** Resolves once everything that was sent before it has been processed. */
  async ping(): Promise<void> {
    this.#pings += 1;
    const id = 1_000_000 + this.#pings;
    this.send({ type: "ping", id });
    await this.raw.until(() => this.of("pong").some((pong) => pong["id"] === id));
    if (this.raw.isClosed) throw new Error(`closed (${this.closeCode}) before the pong`);
  }

  /** Resolves with the close code, and with the `kick` that told of it. */
  async closed(): Promise<{ code: number | undefined; kick: Frame | undefined }> {
    await this.raw.closed();
    return { code: this.closeCode, kick: this.of("kick")[0] };
  }
}

/** A device across its connections. */
export class PageDevice {
  readonly #options: DeviceOptions;
  #connection: PageConnection | undefined = undefined;
  resume: string | undefined = undefined;
  /** The highest offset up to which everything is handled. */
  handledUpTo: number | undefined = undefined;
  /** Offsets in the order in which they were handled, each once. */
  readonly handled: number[] = [];

  constructor(options: DeviceOptions) {
    this.#options = options;
  }

  get connection(): PageConnection {
    if (this.#connection === undefined) throw new Error("never connected");
    return this.#connection;
  }

  /** Connects, says hello with what it kept, and gives the welcome. */
  async connect(): Promise<Frame> {
    const { port, credential, device = "phone", encoding } = this.#options;
    const connection = await PageConnection.open(port, encoding);
    this.#connection = connection;
    const { resume, handledUpTo: offset } = this;
    connection.send({
      type: "hello",
      credential,
      device,
      ...(resume === undefined ? {} : { resume }),
      ...(offset === undefined ? {} : { offset }),
    });
    const welcome = await connection.next("welcome");
    if (connection.frames[0] !== welcome) throw new Error("something came before the welcome");
    this.resume = welcome["resume"] as string;
    return welcome;
  }

  /** Waits until this connection has had so many pushes, and gives all it had. */
  async pushes(count: number): Promise<readonly PushFrame[]> {
    if (count > 0) await this.connection.next("push", count);
    await this.connection.ping();
    return this.connection.pushes;
  }

  /** Handles what came on this connection up to and with `upTo`, and acks it in one frame. */
  handle(upTo = Number.POSITIVE_INFINITY): void {
    const offsets: number[] = [];
    for (const { offset, ack } of this.connection.pushes) {
      if (offset === undefined || offset > upTo) continue;
      if (!this.handled.includes(offset)) this.handled.push(offset);
      if (offset > (this.handledUpTo ?? -1)) this.handledUpTo = offset;
      if (ack) offsets.push(offset);
    }
    this.connection.send({ type: "ack", offsets });
  }

  /** The network is gone; nobody says good-bye. */
  drop(): void {
    this.connection.raw.destroy();
  }
}

/** Offsets of pushes, negative where they are flagged as redelivered. */
export function flagged(pushes: readonly PushFrame[]): number[] {
  return pushes.map(({ offset = 0, redelivered }) => (redelivered === true ? -offset : offset));
}
