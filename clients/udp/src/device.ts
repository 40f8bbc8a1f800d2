import { randomBytes } from "node:crypto";
import type { KeyId } from "../../../src/gateways/udp/packet.ts";
import { FRAME_MAX } from "../../../src/gateways/udp/payload.ts";
import { backoffMs, DEFAULT_BACKOFF } from "../../js/src/backoff.ts";
import { type Cancel, type ClientClock, realClock } from "../../js/src/clock.ts";
import { encodeMsgpack } from "../../js/src/msgpack.ts";
import { ChannelClient, type Ending, type Frame } from "./channel-client.ts";
import type { OpenNetwork } from "./network.ts";

/** What a device keeps to go on where it was, also over another transport. */
export interface Place {
  /** From the last `welcome`. */
  readonly resume: string | undefined;
  /** The highest offset that has come; -1 before the first. */
  readonly offset: number;
  /** Those up to it that were too large for UDP and are not handled: WebSocket brings them. */
  readonly open?: readonly number[];
}

export interface UdpDeviceOptions {
  readonly key: Extract<KeyId, { type: "device" }>;
  readonly secret: Uint8Array;
  readonly network: OpenNetwork;
  readonly place?: Place | undefined;
  /** Called for each push, once; it is confirmed when this returns. */
  readonly onPush?: ((push: Frame) => void) | undefined;
  /** Every other frame that is no answer to a request. */
  readonly onFrame?: ((frame: Frame) => void) | undefined;
  /** Why, of "connected": `recovered` (nothing was missed), else `continued` or `new` (session). */
  readonly onState?: ((state: "connected" | "waiting" | "closed", why: string) => void) | undefined;
  readonly keepAliveMs?: number | undefined;
  readonly clock?: ClientClock | undefined;
  readonly random?: (() => number) | undefined;
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined;
}

interface Request {
  readonly bytes: Uint8Array;
  readonly resolve: (answer: Frame) => void;
}

/** Requests on their way; the server remembers as many of a session, so as to do each once. */
const ON_THEIR_WAY_MAX = 64;
/** Ids begin anywhere up to this: those of an earlier run do not come again. */
const FIRST_ID_MAX = 2 ** 40;

/**
 * A device over UDP: connects, connects again, continues its session, and repeats the requests
 * that had no answer yet, which the server does once all the same.
 */
export class UdpDevice {
  readonly #options: UdpDeviceOptions;
  readonly #clock: ClientClock;
  readonly #requests = new Map<number, Request>();
  /** Those of them that wait until others have their answers. */
  readonly #waiting = new Set<number>();
  #channel: ChannelClient | undefined = undefined;
  #isWelcome = false;
  #isClosed = false;
  #attempt = 0;
  #resume: string | undefined;
  #offset: number;
  readonly #open: Set<number>;
  #lastId: number;
  #cancelRetry: Cancel = () => {};

  constructor(options: UdpDeviceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#resume = options.place?.resume;
    this.#offset = options.place?.offset ?? -1;
    this.#open = new Set(options.place?.open);
    this.#lastId = Math.floor((options.random ?? Math.random)() * FIRST_ID_MAX);
    this.#connect();
  }

  get place(): Place {
    return { resume: this.#resume, offset: this.#offset, open: [...this.#open] };
  }

  get isWelcome(): boolean {
    return this.#isWelcome;
  }

  /** Whether everything that was sent has come, and every request has its answer. */
  get isSettled(): boolean {
    return this.#isWelcome && this.#requests.size === 0 && this.#channel!.isSettled;
  }

  /**
   * Sends a request and resolves with its answer: an `error` frame is one, too, and
   * `udp.too-large` where the request fits no datagram.
   */
  request(request: { readonly type: string; readonly [field: string]: unknown }): Promise<Frame> {
    this.#lastId += 1;
    const id = this.#lastId;
    const bytes = encodeMsgpack({ ...request, id });
    if (bytes.length > FRAME_MAX) {
      const message = `the request has ${bytes.length} bytes; a datagram carries ${FRAME_MAX}`;
      return Promise.resolve({ type: "error", id, code: "udp.too-large", message });
    }
    return new Promise((resolve) => {
      this.#requests.set(id, { bytes, resolve });
      this.#waiting.add(id);
      this.#sendWaiting();
    });
  }

  /**
   * Answers a `message` that had this number as `request`.
   *
   * @throws RangeError when the answer fits no datagram.
   */
  answer(request: number, payload: unknown): void {
    if (this.#isWelcome) this.#channel!.send({ type: "answer", request, payload });
  }

  /** Confirms everything up to an offset, also what was handled over another transport. */
  confirmUpTo(offset: number): void {
    if (this.#isWelcome) this.#channel!.send({ type: "ack", upTo: offset });
  }

  /** Says good-bye: the session ends, and what waits stays in the inbox. */
  close(): void {
    this.#isClosed = true;
    this.#isWelcome = false;
    this.#cancelRetry();
    this.#channel?.close();
  }

  /** Leaves without a word: the session stays, to be continued by whoever has the place. */
  drop(): void {
    this.#isClosed = true;
    this.#isWelcome = false;
    this.#cancelRetry();
    this.#channel?.drop();
  }

  #sendWaiting(): void {
    if (!this.#isWelcome) return;
    for (const id of this.#waiting) {
      if (this.#requests.size - this.#waiting.size >= ON_THEIR_WAY_MAX) return;
      this.#waiting.delete(id);
      this.#channel!.sendBytes(this.#requests.get(id)!.bytes);
    }
  }

  #connect(): void {
    const { key, secret, network, keepAliveMs, clock } = this.#options;
    this.#channel = new ChannelClient({
      key,
      secret,
      network,
      keepAliveMs,
      clock,
      randomBytes: this.#options.randomBytes ?? randomBytes,
      onOpen: () => this.#hello(),
      onFrame: (frame) => this.#frame(frame),
      onEnd: (ending) => this.#ended(ending),
    });
  }

  #hello(): void {
    const resume = this.#resume === undefined ? {} : { resume: this.#resume };
    const handled = Math.min(this.#offset, ...[...this.#open].map((open) => open - 1));
    const offset = handled < 0 ? {} : { offset: handled };
    this.#channel!.send({ type: "hello", device: this.#options.key.device, ...resume, ...offset });
  }

  #frame(frame: Frame): void {
    if (frame.type === "welcome") return this.#welcome(frame);
    if (frame.type === "push") return this.#push(frame);
    const request = typeof frame["id"] === "number" ? this.#requests.get(frame["id"]) : undefined;
    if (request === undefined) {
      if (frame["code"] === "udp.too-large") this.#noteTooLarge(frame["offset"]);
      return this.#options.onFrame?.(frame);
    }
    this.#requests.delete(frame["id"] as number);
    request.resolve(frame);
    this.#sendWaiting();
  }

  #welcome(frame: Frame): void {
    const { resume, recovered, gap, head, heartbeatMs } = frame;
    if (typeof heartbeatMs === "number") this.#channel!.heartbeatMs = heartbeatMs;
    const isContinued = resume === this.#resume;
    this.#resume = resume as string;
    this.#isWelcome = true;
    this.#attempt = 0;
    // Beyond the end: the server has lost its data, and counts anew.
    const isAnotherHistory = this.#offset > (head as number);
    if (isAnotherHistory) this.#offset = -1;
    const lostUpTo = (gap as { upTo: number } | undefined)?.upTo ?? -1;
    this.#offset = Math.max(this.#offset, lostUpTo);
    for (const open of this.#open) {
      if (isAnotherHistory || open <= lostUpTo) this.#open.delete(open);
    }
    for (const [id, { bytes }] of this.#requests) {
      if (!this.#waiting.has(id)) this.#channel!.sendBytes(bytes);
    }
    this.#sendWaiting();
    const place = isContinued ? "continued" : "new";
    this.#options.onState?.("connected", recovered === true ? "recovered" : place);
  }

  #noteTooLarge(offset: unknown): void {
    if (typeof offset !== "number") return;
    if (offset > this.#offset) this.#open.add(offset);
    this.#offset = Math.max(this.#offset, offset);
  }

  #push(push: Frame): void {
    const { offset, ack } = push;
    if (typeof offset !== "number") return this.#options.onPush?.(push);
    if (offset > this.#offset || this.#open.delete(offset)) {
      this.#options.onPush?.(push);
      this.#offset = Math.max(this.#offset, offset);
    }
    if (ack === true) this.#channel!.send({ type: "ack", offsets: [offset] });
  }

  #ended(ending: Ending): void {
    this.#isWelcome = false;
    if (this.#isClosed) return;
    const kick = ending.type === "kicked" ? ending.kick : undefined;
    const why = (kick?.["reason"] as string | undefined) ?? whyOf(ending);
    if (kick?.["reconnect"] === false || why === "unauthorized" || why === "version") {
      this.#isClosed = true;
      return this.#options.onState?.("closed", why);
    }
    this.#options.onState?.("waiting", why);
    this.#attempt += 1;
    const random = this.#options.random ?? Math.random;
    const pauseMs = backoffMs(DEFAULT_BACKOFF, this.#attempt, random);
    const retryAfterMs = (kick?.["retryAfterMs"] as number | undefined) ?? 0;
    this.#cancelRetry = this.#clock.after(Math.max(pauseMs, retryAfterMs), () => this.#connect());
  }
}

function whyOf(ending: Ending): string {
  return ending.type === "kicked" ? "kicked" : ending.reason;
}
