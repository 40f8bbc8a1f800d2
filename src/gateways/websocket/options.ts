import type { TemplatedApp } from "uWebSockets.js";
import type { Ref } from "../../actors/kernel/actor.ts";
import type { OpenSession, SessionMessage } from "../../actors/session/messages.ts";
import type { Chronicle } from "../../core/chronicle.ts";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { NewId, Random } from "../../core/random.ts";
import type { DeviceTokens } from "../auth/device-tokens.ts";
import type { ResumeTokens } from "../auth/resume-tokens.ts";
import type { Bans } from "../bans.ts";
import type { ConnectLimits } from "./connect-gate.ts";

/** What one connection, and all of them together, may ask of the node. */
export interface WebSocketLimits extends ConnectLimits {
  /** Largest frame taken from a device, in bytes. Default 65 536. */
  readonly frameBytesMax: number;
  /** Frames per second of one connection; 0: no limit. Default 500. */
  readonly framesPerSecond: number;
  /** Frames that a connection may send at once after a pause. Default 1000. */
  readonly framesBurst: number;
  /** Default 100 000. */
  readonly connectionsMax: number;
  /** Default 1000. */
  readonly connectionsPerAddress: number;
  /** Default 20. */
  readonly connectionsPerUser: number;
  /** The age of a connection's end, less up to a tenth by chance; 0: no limit. Default 0 ms. */
  readonly maxLifetimeMs: number;
  /** Unsent bytes beyond which a client is closed as slow. Default 131 072. */
  readonly unsentBytesMax: number;
  /** Publications that wait for a slow connection. Default 100. */
  readonly heldPublicationsMax: number;
  /** A connection silent for this long is closed; pinged at two thirds. Default 60 000 ms. */
  readonly heartbeatMs: number;
  /** Time for the first frame, and then for the log-in. Default 10 000 ms. */
  readonly helloTimeoutMs: number;
}

/** What the gateway is given by `main.ts`. */
export interface WebSocketOptions {
  /** Shared with HTTP: see `openListener`. */
  readonly app: TemplatedApp;
  readonly openSession: OpenSession;
  /** The living session of that id on this node. */
  readonly findSession: (id: string) => Ref<SessionMessage> | undefined;
  readonly deviceTokens: DeviceTokens;
  readonly resumeTokens: ResumeTokens;
  /** Where refused log-ins are noted. */
  readonly chronicle?: Chronicle | undefined;
  /** Those who connect too often; shared with whoever lists and lifts bans. */
  readonly bans: Bans;
  readonly limits: WebSocketLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
