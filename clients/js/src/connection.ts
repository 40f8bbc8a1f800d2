import type { Cancel, ClientClock } from "./clock.ts";
import type { Codec } from "./codec.ts";
import { clientError, type HeraldError } from "./errors.ts";
import type {
  ClientFrame,
  ErrorFrame,
  KickFrame,
  ReceivedFrame,
  ServerFrame,
  WelcomeFrame,
} from "./frames.ts";
import type { CloseLike, MessageLike, WebSocketConstructor, WebSocketLike } from "./web-socket.ts";

/** Unsent bytes of a socket above which nothing more is given to it. */
const UNSENT_BYTES_MAX = 1_048_576;
/** How long a good-bye waits for the server's answer. */
const LEAVE_TIMEOUT_MS = 2_000;
/** What the server sees when this side gives a connection up and will come again. */
const GIVEN_UP = 4_000;
/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;

export interface ConnectionOptions {
  readonly url: string;
  readonly webSocket: WebSocketConstructor;
  readonly codec: Codec;
  readonly clock: ClientClock;
  /** From opening the socket to the welcome. */
  readonly connectTimeoutMs: number;
}

/** How a connection ended. */
export interface ConnectionEnd {
  /** The server's close code; undefined when this side gave the connection up. */
  readonly code: number | undefined;
  readonly reason: string;
  /** The frame that announced it, if one did. */
  readonly kick: KickFrame | undefined;
  /** What the server's last words were before it refused the hello. */
  readonly error: ErrorFrame | undefined;
  /** How long it was connected, from the welcome; undefined without one. */
  readonly connectedMs: number | undefined;
}

/** What a connection tells its client; nothing after `ended`, and `ended` once. */
export interface ConnectionEvents {
  welcomed(frame: WelcomeFrame): void;
  received(frame: ReceivedFrame): void;
  /** A ping with this id was sent, by the application or to see whether the server is there. */
  pinged(id: number): void;
  ended(end: ConnectionEnd): void;
  error(error: HeraldError): void;
}

/** One WebSocket from its opening to its end, with login and heartbeat. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #socket: WebSocketLike;
  #cancelTimer: Cancel;
  #cancelProbe: Cancel | undefined;
  #heartbeatMs = 0;
  #frameBytesMax = Number.POSITIVE_INFINITY;
  #isOpen = false;
  /** What a socket says of why it could not connect; a browser's does not. */
  #trouble = "";
  #heardAt = 0;
  #welcomedAt: number | undefined;
  #asked = false;
  #error: ErrorFrame | undefined;
  #ended = false;
  #pings = 0;

  constructor(options: ConnectionOptions, hello: ClientFrame, events: ConnectionEvents) {
    const { clock, codec, connectTimeoutMs, url, webSocket } = options;
    this.#options = options;
    this.#events = events;
    this.#socket = new webSocket(url, [codec.subprotocol]);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#opened(hello);
    this.#socket.onmessage = ({ data }: MessageLike) => this.#message(data);
    this.#socket.onclose = (event: CloseLike) => this.#closed(event);
    // A close event always follows; without a listener the package "ws" would throw.
    this.#socket.onerror = ({ message }: { readonly message?: unknown }) => {
      if (typeof message === "string") this.#trouble = message;
    };
    this.#cancelTimer = clock.after(connectTimeoutMs, () => this.giveUp("connect-timeout"));
  }

  /** Whether frames may be sent: it is welcomed, and not too much is unsent. */
  get writable(): boolean {
    const open = !this.#ended && this.#welcomedAt !== undefined;
    return open && this.#socket.bufferedAmount < UNSENT_BYTES_MAX;
  }

  /** Bytes of the largest frame that the server takes. */
  get frameBytesMax(): number {
    return this.#frameBytesMax;
  }

  /**
   * Sends a frame, or nothing when the connection has just ended.
   *
   * @throws HeraldError `client.too-large`: the server would close the connection for good.
   * @throws TypeError or RangeError when it holds what no frame can hold.
   */
  send(frame: ClientFrame): void {
    const encoded = this.#options.codec.encode(frame);
    const bytes = bytesOf(encoded, this.#frameBytesMax);
    if (bytes > this.#frameBytesMax) {
      const message = `at most ${this.#frameBytesMax} bytes are taken; ${frame.type} has ${bytes}`;
      throw clientError("client.too-large", message);
    }
    try {
      this.#socket.send(encoded);
    } catch (cause) {
      // Not open any more: the close event is on its way. Anything else is the caller's mistake.
      if (cause instanceof TypeError || cause instanceof RangeError) throw cause;
    }
  }

  /** Sends a ping; returns the id that its pong will carry. */
  ping(data?: unknown): number {
    const id = this.#pings + 1;
    this.send(data === undefined ? { type: "ping", id } : { type: "ping", id, data });
    this.#pings = id;
    this.#events.pinged(id);
    return id;
  }

  /** Gives the connection up unless anything is heard within `timeoutMs`. */
  probe(timeoutMs: number): void {
    if (!this.writable || this.#cancelProbe !== undefined) return;
    this.ping();
    this.#cancelProbe = this.#options.clock.after(timeoutMs, () => this.giveUp("heartbeat-lost"));
  }

  /** Ends it from this side, to come again. */
  giveUp(reason: string): void {
    this.#end({ code: undefined, reason });
    this.#close(GIVEN_UP, reason);
  }

  /** Says good-bye; resolves when the server has answered, or has not within two seconds. */
  leave(): Promise<void> {
    this.#finish();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(LEAVE_TIMEOUT_MS, resolve);
      this.#socket.onclose = () => {
        cancel();
        resolve();
      };
      this.#close(1000, "bye");
    });
  }

  #opened(hello: ClientFrame): void {
    const { subprotocol } = this.#options.codec;
    this.#isOpen = true;
    if (this.#socket.protocol === subprotocol) this.send(hello);
    else this.giveUp(`the server does not speak ${subprotocol}`);
  }

  #message(data: unknown): void {
    this.#heardAt = this.#options.clock.monotonic();
    this.#asked = false;
    this.#cancelProbe?.();
    this.#cancelProbe = undefined;
    let frame: ServerFrame | undefined;
    try {
      frame = this.#options.codec.decode(data);
    } catch (cause) {
      this.#events.error(clientError("client.frame", "the server sent no frame", cause));
    }
    if (frame !== undefined) this.#frame(frame);
  }

  #frame(frame: ServerFrame): void {
    if (frame.type === "kick") {
      this.#end({ code: frame.code, reason: frame.reason, kick: frame });
      this.#close(1000, "kicked");
    } else if (frame.type === "welcome") {
      if (this.#welcomedAt === undefined) this.#welcome(frame);
    } else if (this.#welcomedAt !== undefined) {
      this.#events.received(frame);
    } else if (frame.type === "error") {
      this.#error = frame;
    }
  }

  #welcome(frame: WelcomeFrame): void {
    this.#welcomedAt = this.#heardAt;
    this.#heartbeatMs = frame.heartbeatMs;
    this.#frameBytesMax = frame.limits.frameBytes;
    this.#cancelTimer();
    if (this.#heartbeatMs > 0) this.#listen(this.#heartbeatMs);
    this.#events.welcomed(frame);
  }

  /**
   * Looks again after `delayMs` whether the server is there: one timer, set once per heartbeat.
   *
   * The server's own pings are control frames, which a page cannot see. So silence for one
   * heartbeat is answered with a ping, and silence for two ends the connection.
   */
  #listen(delayMs: number): void {
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      const silentMs = this.#options.clock.monotonic() - this.#heardAt;
      if (silentMs >= 2 * this.#heartbeatMs) return this.giveUp("heartbeat-lost");
      const asks = silentMs >= this.#heartbeatMs;
      if (asks && !this.#asked) {
        this.#asked = true;
        this.ping();
      }
      this.#listen((asks ? 2 : 1) * this.#heartbeatMs - silentMs);
    });
  }

  #closed({ code, reason }: CloseLike): void {
    const because = this.#trouble === "" ? "" : `: ${this.#trouble}`;
    const lost = this.#isOpen ? "the connection was lost" : `could not connect${because}`;
    this.#end({ code, reason: reason === "" ? lost : reason });
  }

  #end(end: Pick<ConnectionEnd, "code" | "reason"> & Partial<ConnectionEnd>): void {
    if (this.#ended) return;
    this.#finish();
    const now = this.#options.clock.monotonic();
    const connectedMs = this.#welcomedAt === undefined ? undefined : now - this.#welcomedAt;
    this.#events.ended({ kick: undefined, error: this.#error, connectedMs, ...end });
  }

  #finish(): void {
    this.#ended = true;
    this.#cancelTimer();
    this.#cancelProbe?.();
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }

  #close(code: number, reason: string): void {
    try {
      this.#socket.close(code, reason.slice(0, 100));
    } catch {
      // Some implementations refuse to close what never opened; nothing is left to be done.
    }
  }
}

/** Bytes of text as UTF-8, counted only where they might be more than `max`. */
function bytesOf(encoded: string | Uint8Array, max: number): number {
  if (typeof encoded !== "string") return encoded.byteLength;
  const isSmall = encoded.length * UTF8_BYTES_MAX <= max;
  return isSmall ? encoded.length : new TextEncoder().encode(encoded).byteLength;
}
