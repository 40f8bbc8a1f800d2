import type { OpenSession } from "../../actors/session/messages.ts";
import type { Chronicle } from "../../core/chronicle.ts";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { NewId, Random } from "../../core/random.ts";
import type { Bans } from "../bans.ts";
import type { ListenerApp } from "../listener.ts";
import type { IdSpace } from "./ids.ts";
import type { LoginRules } from "./login.ts";

/** What classic devices may ask of the node. */
export interface ClassicLimits {
  /** Largest message in either direction, in bytes. Default 32 768. */
  readonly messageBytesMax: number;
  /** Messages per second of one device, 0 for no limit, and at once. Default 100 and 200. */
  readonly framesPerSecond: number;
  readonly framesBurst: number;
  /** WebSocket connections of classic devices on this node. Default 100 000. */
  readonly connectionsMax: number;
  /** Default 1000. */
  readonly connectionsPerAddress: number;
  /** Log-ins per second from one address, and at once after a pause. Default 10 and 100. */
  readonly loginsPerSecond: number;
  readonly loginsBurst: number;
  /** Unsent bytes beyond which a device is closed as slow. Default 131 072. */
  readonly unsentBytesMax: number;
  /** Time for the log-in. Default 60 000 ms. */
  readonly loginTimeoutMs: number;
  /** How long messages are kept for those who are away; 0: they are not. Default 0. */
  readonly keepMs: number;
}

/** What both classic gateways are given by `main.ts`. */
export interface ClassicOptions {
  readonly space: IdSpace;
  readonly login: LoginRules;
  readonly openSession: OpenSession;
  /** Who connects too often is refused by all gateways alike. */
  readonly bans?: Bans | undefined;
  /** Where refused log-ins are noted. */
  readonly chronicle?: Chronicle | undefined;
  readonly limits: ClassicLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What the one for WebSocket is given. */
export interface ClassicSocketOptions extends ClassicOptions {
  /** Shared with the other gateways: see `openListener`. */
  readonly app: ListenerApp;
}
