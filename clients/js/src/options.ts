import { type Backoff, DEFAULT_BACKOFF } from "./backoff.ts";
import { type ClientClock, realClock } from "./clock.ts";
import { CODECS, type Codec } from "./codec.ts";
import type { PushHandler } from "./delivery.ts";
import type { ErrorListener, GapListener, StateListener } from "./events.ts";
import type { Encoding } from "./frames.ts";
import type { MessageHandler } from "./messages.ts";
import { type NetworkEvents, platformNetwork } from "./network.ts";
import type { StateStorage } from "./storage.ts";
import { platformWebSocket, type WebSocketConstructor } from "./web-socket.ts";

/** Returns the device's JWT: asked once, and again before it expires, or when it has. */
export type CredentialSource = () => string | Promise<string>;

export interface ClientOptions {
  /** `ws://` or `wss://` (or `http`, `https`); without a path, `/v1/connect` is meant. */
  readonly url: string;
  /** The device's JWT, or a function that gets one. */
  readonly credential: string | CredentialSource;
  /** Names this device among those of its user; 1 to 128 characters. */
  readonly device: string;
  /** How frames are written on the wire. Default "json". */
  readonly encoding?: Encoding | undefined;
  /** Receives the pushes, one at a time. Without it, loop over `client.pushes()`. */
  readonly onPush?: PushHandler | undefined;
  /** Receives messages of other devices; what it returns answers those who asked. */
  readonly onMessage?: MessageHandler | undefined;
  /** "auto": handled means acked. "manual": call `push.ack()`. Default "auto". */
  readonly ackMode?: "auto" | "manual" | undefined;
  /** How long acks are collected before they are sent together. Default 50 ms. */
  readonly ackDelayMs?: number | undefined;
  /** Pushes received and not handled before the connection is let go. Default 1 000. */
  readonly unhandledMax?: number | undefined;
  readonly onState?: StateListener | undefined;
  readonly onGap?: GapListener | undefined;
  /** Default: errors are written to the console as warnings. */
  readonly onError?: ErrorListener | undefined;
  /** Keeps the place in the stream between runs. Default: none, it lives in memory. */
  readonly storage?: StateStorage | undefined;
  readonly backoff?: Partial<Backoff> | undefined;
  /** From opening a socket to the welcome, and for a pong. Default 10 000 ms. */
  readonly connectTimeoutMs?: number | undefined;
  /** Default: the environment's own WebSocket. */
  readonly webSocket?: WebSocketConstructor | undefined;
  /** What tells of going online and offline. Default: the browser's window. */
  readonly network?: NetworkEvents | undefined;
  readonly clock?: ClientClock | undefined;
  readonly random?: (() => number) | undefined;
}

/** The options with every default filled in. */
export interface Settings {
  readonly url: string;
  readonly credential: string | CredentialSource;
  readonly device: string;
  readonly codec: Codec;
  readonly manual: boolean;
  readonly onPush: PushHandler | undefined;
  readonly onMessage: MessageHandler | undefined;
  readonly ackDelayMs: number;
  readonly unhandledMax: number;
  readonly storage: StateStorage | undefined;
  readonly backoff: Backoff;
  readonly connectTimeoutMs: number;
  readonly webSocket: WebSocketConstructor;
  readonly network: NetworkEvents | undefined;
  readonly clock: ClientClock;
  readonly random: () => number;
}

const DEVICE_MAX = 128;
const PATH = "/v1/connect";
/** Of a value that is wrong, so much is shown. */
const SHOWN_MAX = 100;

/** What `typeof` says of a right value. */
const TYPES: Readonly<Record<keyof ClientOptions, readonly string[]>> = {
  url: ["string"],
  credential: ["string", "function"],
  device: ["string"],
  encoding: ["string"],
  onPush: ["function"],
  onMessage: ["function"],
  ackMode: ["string"],
  ackDelayMs: ["number"],
  unhandledMax: ["number"],
  onState: ["function"],
  onGap: ["function"],
  onError: ["function"],
  storage: ["object"],
  backoff: ["object"],
  connectTimeoutMs: ["number"],
  webSocket: ["function"],
  network: ["object"],
  clock: ["object"],
  random: ["function"],
};
const NEEDED = ["url", "credential", "device"];

/** @throws TypeError saying which option is wrong, what it should be, and what it is. */
export function readOptions(options: ClientOptions): Settings {
  checkTypes(options);
  const { credential, device, encoding = "json", ackMode = "auto", storage } = options;
  if (credential === "") throw wrong("credential", "a JWT or a function that returns one", "");
  if (device === "" || device.length > DEVICE_MAX) {
    throw wrong("device", `a string of 1 to ${DEVICE_MAX} characters`, device);
  }
  if (!Object.hasOwn(CODECS, encoding)) throw wrong("encoding", '"json" or "msgpack"', encoding);
  if (ackMode !== "auto" && ackMode !== "manual") {
    throw wrong("ackMode", '"auto" or "manual"', ackMode);
  }
  if (storage && !(isFunction(storage.load) && isFunction(storage.save))) {
    throw wrong("storage", "an object with the functions load and save", storage);
  }
  const backoff = {
    minMs: positive("backoff.minMs", options.backoff?.minMs, DEFAULT_BACKOFF.minMs),
    maxMs: positive("backoff.maxMs", options.backoff?.maxMs, DEFAULT_BACKOFF.maxMs),
    factor: positive("backoff.factor", options.backoff?.factor, DEFAULT_BACKOFF.factor),
  };
  return {
    url: readUrl(options.url),
    credential,
    device,
    codec: CODECS[encoding],
    manual: ackMode === "manual",
    onPush: options.onPush,
    onMessage: options.onMessage,
    ackDelayMs: positive("ackDelayMs", options.ackDelayMs, 50),
    unhandledMax: positive("unhandledMax", options.unhandledMax, 1_000),
    storage: options.storage,
    backoff,
    connectTimeoutMs: positive("connectTimeoutMs", options.connectTimeoutMs, 10_000),
    webSocket: options.webSocket ?? platformWebSocket(),
    network: options.network ?? platformNetwork(),
    clock: options.clock ?? realClock,
    random: options.random ?? Math.random,
  };
}

/** @throws TypeError when it is no address of a WebSocket server. */
export function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(ws|http)s?:$/.test(url.protocol)) {
    throw wrong("url", "an address that begins with ws:// or wss://", text);
  }
  // Older WebSocket implementations do not take http addresses.
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  if (url.pathname === "/") url.pathname = PATH;
  return url.href;
}

function positive(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isFinite(value) && value > 0) return value;
  throw wrong(name, "a number above 0", value);
}

function checkTypes(options: ClientOptions): void {
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const name of new Set([...NEEDED, ...Object.keys(given)])) {
    const value = given[name];
    if (!Object.hasOwn(TYPES, name)) throw new TypeError(`there is no option ${name}`);
    if (value === undefined && !NEEDED.includes(name)) continue;
    const types = TYPES[name as keyof ClientOptions];
    if (value === null || !types.includes(typeof value))
      throw wrong(name, types.join(" or "), value);
  }
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function wrong(name: string, expected: string, value: unknown): TypeError {
  const isOpaque = typeof value === "function" || (typeof value === "object" && value !== null);
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  const got = isOpaque ? typeof value : text.slice(0, SHOWN_MAX);
  return new TypeError(`${name} must be ${expected}; got ${got}`);
}
