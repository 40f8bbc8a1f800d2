import type { Ref } from "../../actors/kernel/actor.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import type { OpenSession, SessionMessage } from "../../actors/session/messages.ts";
import type { Chronicle } from "../../core/chronicle.ts";
import type { Clock } from "../../core/clock.ts";
import type { Grants } from "../../core/device-request.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { NewId, Random } from "../../core/random.ts";
import type { Result } from "../../core/result.ts";
import type { ResumeTokens } from "../auth/resume-tokens.ts";
import type { Bans } from "../bans.ts";
import type { RegisterBoard } from "./messages.ts";
import type { PeerAddress } from "./peers.ts";

/** What one UDP session, and all of them together, may ask of the node. */
export interface UdpLimits {
  /** UDP sessions on this node. Default 100 000. */
  readonly sessionsMax: number;
  /** Handshakes per second from one address, and at once after a pause. Default 20 and 60. */
  readonly handshakesPerSecond: number;
  readonly handshakesBurst: number;
  /** Frames per second of one device; 0: no limit. Default 500. */
  readonly framesPerSecond: number;
  readonly framesBurst: number;
  /** Bytes of frames that a device has not confirmed until it is too slow. Default 65 536. */
  readonly unsentBytesMax: number;
  /** A device silent for so long is gone. Default 40 000 ms. */
  readonly heartbeatMs: number;
  /** Time for the first frame. Default 10 000 ms. */
  readonly helloTimeoutMs: number;
  /** Waits in vain, each twice as long, until a device is gone. Default 8. */
  readonly attemptsMax: number;
}

/** What keys the channel of a device, and what it may do besides being there. */
export interface DeviceKey {
  readonly secret: Uint8Array;
  readonly grants: Grants | undefined;
  /** The version of its board's secret; undefined for phones. */
  readonly secretVersion?: number | undefined;
}

/** A key that registers boards and does nothing else. */
export interface ProvisioningKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/** What the gateway is given by `main.ts`. */
export interface UdpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly system: Pick<ActorSystem, "find" | "spawn" | "each" | "count" | "supervisor">;
  readonly openSession: OpenSession;
  /** The living session of that id on this node. */
  readonly findSession: (id: string) => Ref<SessionMessage> | undefined;
  readonly resumeTokens: ResumeTokens;
  /** The key of a principal's device; undefined when there is no such principal. */
  readonly deviceKey: (principal: string, device: string) => Promise<DeviceKey | undefined>;
  readonly provisioning: readonly ProvisioningKey[];
  /** Without it no board can be registered over UDP. */
  readonly registerBoard?: RegisterBoard | undefined;
  /**
   * Asks whether one principal may know where the other is, and tells the other who asked and
   * where that one is. Without it nobody may.
   */
  readonly introduce?: Introduce | undefined;
  /** What proves that this installation does not know a session any more. */
  readonly resetSecret: Uint8Array;
  readonly limits: UdpLimits;
  /** Who connects too often is refused by all gateways alike. */
  readonly bans?: Bans | undefined;
  /** Where refused log-ins are noted. */
  readonly chronicle?: Chronicle | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export type Introduce = (
  asker: string,
  at: PeerAddress,
  other: string,
) => Promise<Result<PeerAddress>>;
