import { timingSafeEqual } from "node:crypto";
import { Channel } from "../../../src/gateways/udp/channel.ts";
import { channelKeys, startMac } from "../../../src/gateways/udp/keys.ts";
import {
  COOKIE_BYTES,
  cookieOf,
  DATA_MIN,
  HEADER_BYTES,
  type KeyId,
  NONCE_BYTES,
  nonceOf,
  PACKET,
  readRefuse,
  SESSION_BYTES,
  TAG_BYTES,
  TOKEN_BYTES,
  tokenOf,
  typeOf,
  VERSION,
  versionOf,
  writeInit,
  writeStart,
} from "../../../src/gateways/udp/packet.ts";
import { type Cancel, type ClientClock, realClock } from "../../js/src/clock.ts";
import { decodeMsgpack, encodeMsgpack } from "../../js/src/msgpack.ts";
import type { Network, OpenNetwork } from "./network.ts";

/** A frame as `docs/protocol.md` describes it. */
export type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Why a channel is over: what the server said, or what became of it. */
export type Ending =
  | { readonly type: "refused"; readonly reason: string }
  /** The server's own last frame. */
  | { readonly type: "kicked"; readonly kick: Frame }
  /** No answer for too long, or the server has forgotten the channel. */
  | { readonly type: "lost"; readonly reason: "silence" | "reset" | "handshake" };

export interface ChannelClientOptions {
  readonly key: KeyId;
  readonly secret: Uint8Array;
  readonly network: OpenNetwork;
  readonly onOpen: () => void;
  readonly onFrame: (frame: Frame) => void;
  readonly onEnd: (ending: Ending) => void;
  /** A sign of life so often, in ms. Default: a third of the heartbeat, at most 13 000. */
  readonly keepAliveMs?: number | undefined;
  readonly clock?: ClientClock | undefined;
  /** Never repeats itself. Default: the system's. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Routers forget who is silent for longer, whatever the server allows. */
const KEEP_ALIVE_MS = 13_000;
const RETRY_MS = 500;
const RETRIES_MAX = 8;
const ATTEMPTS_MAX = 8;
const GOODBYES = 2;

/** The device's end of one channel: handshake, frames in order and once, good-bye. */
export class ChannelClient {
  readonly #options: ChannelClientOptions;
  readonly #clock: ClientClock;
  readonly #network: Network;
  readonly #nonce: Uint8Array;
  #opening: Uint8Array;
  #openingAt: number;
  #retries = 0;
  #channel: Channel | undefined = undefined;
  #resetToken: Uint8Array = new Uint8Array(0);
  #isOver = false;
  #spokeAt = 0;
  #cancelTimer: Cancel = () => {};
  #isFlushing = false;
  #heartbeatMs = Number.POSITIVE_INFINITY;

  constructor(options: ChannelClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#network = options.network((datagram) => this.#receive(datagram));
    this.#nonce = options.randomBytes(NONCE_BYTES);
    this.#opening = writeInit(this.#nonce);
    this.#openingAt = this.#clock.monotonic();
    this.#network.send(this.#opening);
    this.#setTimer();
  }

  /** Frames that were sent again. */
  get repeated(): number {
    return this.#channel?.repeated ?? 0;
  }

  /** Whether everything that was sent has come. */
  get isSettled(): boolean {
    return this.#channel === undefined || this.#channel.unsentBytes === 0;
  }

  /** From the welcome: who is silent for so long is gone to the server, in milliseconds. */
  set heartbeatMs(heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs;
  }

  /** Sends a frame in order and once; before `onOpen` nothing may be sent. */
  send(frame: object): void {
    this.sendBytes(encodeMsgpack(frame));
  }

  /** The same for a frame in MessagePack; RangeError when it fits no datagram. */
  sendBytes(frame: Uint8Array): void {
    if (this.#isOver) return;
    this.#channel!.send(frame);
    this.#flushSoon();
  }

  /** Says good-bye: the session ends, too. */
  close(): void {
    if (this.#isOver) return;
    for (let told = 0; this.#channel !== undefined && told < GOODBYES; told += 1) {
      this.#network.send(this.#channel.close(new Uint8Array(0)));
    }
    this.#leave();
  }

  /** Goes away without a word, as when the power fails. */
  drop(): void {
    this.#leave();
  }

  #leave(): void {
    this.#isOver = true;
    this.#cancelTimer();
    this.#network.close();
  }

  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.#leave();
    this.#options.onEnd(ending);
  }

  #receive(datagram: Buffer): void {
    if (this.#isOver || datagram.length === 0 || versionOf(datagram) !== VERSION) return;
    switch (typeOf(datagram)) {
      case PACKET.cookie:
        return this.#cookie(datagram);
      case PACKET.accept:
        return this.#accept(datagram);
      case PACKET.data:
        return this.#data(datagram);
      case PACKET.refuse:
        if (this.#isMine(datagram) && this.#channel === undefined) {
          this.#end({ type: "refused", reason: readRefuse(datagram) ?? "unknown" });
        }
        return;
      case PACKET.version:
        if (this.#isMine(datagram) && this.#channel === undefined) {
          this.#end({ type: "refused", reason: "version" });
        }
        return;
      case PACKET.reset:
        return this.#reset(datagram);
    }
  }

  #cookie(datagram: Buffer): void {
    if (typeOf(this.#opening) !== PACKET.init || !this.#isMine(datagram)) return;
    if (datagram.length !== 1 + NONCE_BYTES + COOKIE_BYTES) return;
    const { key, secret } = this.#options;
    const start = writeStart(this.#nonce, cookieOf(datagram), key);
    this.#open(Buffer.concat([start, startMac(secret, this.#nonce, start)]));
  }

  #open(packet: Uint8Array): void {
    this.#opening = packet;
    this.#openingAt = this.#clock.monotonic();
    this.#network.send(packet);
    this.#setTimer();
  }

  #accept(datagram: Buffer): void {
    const start = HEADER_BYTES + NONCE_BYTES;
    if (this.#channel !== undefined || typeOf(this.#opening) !== PACKET.start) return;
    if (datagram.length !== start + TOKEN_BYTES + TAG_BYTES) return;
    const serverNonce = datagram.subarray(HEADER_BYTES, start);
    const keys = channelKeys(this.#options.secret, this.#nonce, serverNonce);
    const token = keys.fromServer.open(datagram, 0, start);
    if (token === undefined) return;
    this.#resetToken = token;
    this.#channel = new Channel({
      session: Buffer.from(datagram.subarray(1, 1 + SESSION_BYTES)),
      outward: keys.fromDevice,
      inward: keys.fromServer,
      attemptsMax: ATTEMPTS_MAX,
    });
    this.#spokeAt = this.#clock.monotonic();
    this.#options.onOpen();
    this.#flushSoon();
  }

  #data(datagram: Buffer): void {
    const channel = this.#channel;
    if (channel === undefined || datagram.length < DATA_MIN) return;
    const frames: Uint8Array[] = [];
    let kick: Uint8Array | undefined;
    const verdict = channel.receive(datagram, this.#clock.monotonic(), {
      frame: (bytes) => frames.push(bytes),
      closed: (bytes) => {
        kick = bytes;
      },
    });
    if (verdict.type !== "taken") return;
    for (const bytes of frames) {
      if (!this.#isOver) this.#options.onFrame(decodeMsgpack(bytes) as Frame);
    }
    if (kick !== undefined) return this.#kicked(channel, kick);
    this.#flushSoon();
  }

  #kicked(channel: Channel, kick: Uint8Array): void {
    // So that the server need not say it again.
    if (!this.#isOver) this.#network.send(channel.close(new Uint8Array(0)));
    if (kick.length === 0) this.#end({ type: "lost", reason: "reset" });
    else this.#end({ type: "kicked", kick: decodeMsgpack(kick) as Frame });
  }

  #reset(datagram: Buffer): void {
    const token = tokenOf(datagram);
    if (token.length !== this.#resetToken.length || token.length === 0) return;
    if (timingSafeEqual(token, this.#resetToken)) this.#end({ type: "lost", reason: "reset" });
  }

  #isMine(datagram: Buffer): boolean {
    return Buffer.compare(nonceOf(datagram), this.#nonce) === 0;
  }

  /** Once for all frames of this turn, so that they share datagrams. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const channel = this.#channel;
    if (this.#isOver || channel === undefined) return;
    const now = this.#clock.monotonic();
    if (now >= this.#keepAliveAt) channel.probe();
    channel.flush(now, (datagram) => {
      this.#spokeAt = now;
      this.#network.send(datagram);
    });
    if (channel.hasFailed) this.#end({ type: "lost", reason: "silence" });
    else this.#setTimer();
  }

  get #keepAliveAt(): number {
    const { keepAliveMs = Math.min(KEEP_ALIVE_MS, this.#heartbeatMs / 3) } = this.#options;
    return this.#spokeAt + keepAliveMs;
  }

  #setTimer(): void {
    this.#cancelTimer();
    const now = this.#clock.monotonic();
    const dueAt =
      this.#channel === undefined
        ? this.#openingAt + RETRY_MS * 2 ** Math.min(this.#retries, 4)
        : Math.min(this.#channel.dueAt, this.#keepAliveAt);
    this.#cancelTimer = this.#clock.after(Math.max(0, dueAt - now), () => this.#tick());
  }

  #tick(): void {
    if (this.#channel !== undefined) return this.#flush();
    this.#retries += 1;
    if (this.#retries > RETRIES_MAX) return this.#end({ type: "lost", reason: "handshake" });
    // A cookie may have become stale, or belong to another address: begin anew.
    this.#open(this.#retries % 3 === 0 ? writeInit(this.#nonce) : this.#opening);
  }
}
