import { randomBytes } from "node:crypto";
import type { KeyId } from "../../../src/gateways/udp/packet.ts";
import { backoffMs, DEFAULT_BACKOFF } from "../../js/src/backoff.ts";
import { type Cancel, type ClientClock, realClock } from "../../js/src/clock.ts";
import { ChannelClient, type Ending, type Frame } from "./channel-client.ts";
import type { OpenNetwork } from "./network.ts";

/** What a device keeps to go on where it was, also over another transport. */
export interface Place {
  /** From the last `welcome`. */
  readonly resume: string | undefined;
  /** The highest offset up to which everything is handled; -1 before the first. */
  readonly offset: number;
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
  readonly onState?: ((state: "connected" | "waiting" | "closed", why: string) => void) | undefined;
  readonly keepAliveMs?: number | undefined;
  readonly clock?: ClientClock | undefined;
  readonly random?: (() => number) | undefined;
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined;
}

interface Request {
  readonly frame: Frame;
  readonly resolve: (answer: Frame) => void;
}

/**
 * A device over UDP: connects, connects again, continues its session, and repeats the requests
 * that had no answer yet, which the server does once all the same.
 */
export class UdpDevice {
  readonly #options: UdpDeviceOptions;
  readonly #clock: ClientClock;
  readonly #requests = new Map<number, Request>();
  #channel: ChannelClient | undefined = undefined;
  #isWelcome = false;
  #isClosed = false;
  #attempt = 0;
  #resume: string | undefined;
  #offset: number;
  #lastId = 0;
  #cancelRetry: Cancel = () => {};

  constructor(options: UdpDeviceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#resume = options.place?.resume;
    this.#offset = options.place?.offset ?? -1;
    this.#connect();
  }

  get place(): Place {
    return { resume: this.#resume, offset: this.#offset };
  }

  get isWelcome(): boolean {
    return this.#isWelcome;
  }

  /** Whether everything that was sent has come, and every request has its answer. */
  get isSettled(): boolean {
    return this.#isWelcome && this.#requests.size === 0 && this.#channel!.isSettled;
  }

  /** Sends a request and resolves with its answer: an `error` frame is one, too. */
  request(request: { readonly type: string; readonly [field: string]: unknown }): Promise<Frame> {
    this.#lastId += 1;
    const frame: Frame = { ...request, id: this.#lastId };
    return new Promise((resolve) => {
      this.#requests.set(this.#lastId, { frame, resolve });
      if (this.#isWelcome) this.#channel!.send(frame);
    });
  }

  /** Answers a `message` that had this number as `request`. */
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
    const offset = this.#offset < 0 ? {} : { offset: this.#offset };
    this.#channel!.send({ type: "hello", device: this.#options.key.device, ...resume, ...offset });
  }

  #frame(frame: Frame): void {
    if (frame.type === "welcome") return this.#welcome(frame);
    if (frame.type === "push") return this.#push(frame);
    const request = typeof frame["id"] === "number" ? this.#requests.get(frame["id"]) : undefined;
    if (request === undefined) return this.#options.onFrame?.(frame);
    this.#requests.delete(frame["id"] as number);
    request.resolve(frame);
  }

  #welcome(frame: Frame): void {
    const { resume, recovered, gap, head } = frame;
    this.#resume = resume as string;
    this.#isWelcome = true;
    this.#attempt = 0;
    if (recovered !== true) {
      this.#offset = (gap as { upTo: number } | undefined)?.upTo ?? Math.max(this.#offset, -1);
    }
    if (this.#offset > (head as number)) this.#offset = head as number;
    this.#options.onState?.("connected", recovered === true ? "recovered" : "new");
    for (const request of this.#requests.values()) this.#channel!.send(request.frame);
  }

  #push(push: Frame): void {
    const { offset, ack } = push;
    if (typeof offset !== "number") return this.#options.onPush?.(push);
    if (offset > this.#offset) {
      this.#options.onPush?.(push);
      this.#offset = offset;
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
