/** The public face of the SDK: everything that programs may rely on is exported here. */
import { HeraldClient } from "./client.ts";
import type { ClientOptions } from "./options.ts";

/**
 * Connects one device and keeps it connected until `close`.
 *
 * Returns at once; `client.whenConnected()` waits for the login.
 *
 * @throws TypeError saying which option is wrong, and what it should be.
 */
export function connect(options: ClientOptions): HeraldClient {
  return new HeraldClient(options);
}

export type { Backoff } from "./backoff.ts";
export type { HeraldClient } from "./client.ts";
export type { ClientClock } from "./clock.ts";
export type { Push, PushHandler } from "./delivery.ts";
export type { Command, OnlineState, Presence } from "./device-frames.ts";
export { type ClientErrorCode, HeraldError } from "./errors.ts";
export type { ClientEvents, ClientState, Gap, StateDetail } from "./events.ts";
export type { Encoding } from "./frames.ts";
export type {
  Message,
  MessageHandler,
  Reply,
  RequestOptions,
  SendOptions,
  Sent,
} from "./messages.ts";
export type { NetworkEvents } from "./network.ts";
export type { ClientOptions, CredentialSource } from "./options.ts";
export type { Pong } from "./pings.ts";
export type { ClientCounters } from "./push-stream.ts";
export { localStorageState, type SavedState, type StateStorage } from "./storage.ts";
export type { Publication, Subscription, TopicHandlers } from "./topics.ts";
export type { WebSocketConstructor, WebSocketLike } from "./web-socket.ts";
