import type { Result } from "../../core/result.ts";
import type { Reading } from "./inward.ts";
import type { ClassicOptions } from "./options.ts";

/** What a board says of itself when it registers. */
export interface NewClassicBoard {
  /** In hex. */
  readonly mac: string;
  readonly serial: string;
  readonly deviceType: number;
  readonly companyType: number;
  /** Seconds since the Unix epoch. */
  readonly producedAt: number;
  /** In base64. */
  readonly signature: string;
  /** May be empty. */
  readonly name: string;
}

/** Whose cookie it is, and of which version of the board's secret. */
export interface KnownBoard {
  readonly board: string;
  readonly secretVersion?: number | undefined;
}

/** Who knows classic boards: the built-in registry, or a service of the user's own. */
export interface ClassicRegistry {
  /** Without it no board can register. */
  readonly register?: (
    board: NewClassicBoard,
  ) => Promise<Result<{ readonly board: string; readonly cookie: string }>>;
  /** The board that has this cookie, by its hardware address in hex. */
  login(board: { readonly mac: string; readonly cookie: string }): Promise<Result<KnownBoard>>;
}

export interface ClassicUdpLimits {
  /** Classic UDP sessions on this node. Default 100 000. */
  readonly udpSessionsMax: number;
  /** How often boards are asked to say that they are there. Default 20 s. */
  readonly udpHeartbeatSeconds: number;
  /** A board silent for so long is offline. Default 40 000 ms. */
  readonly udpSilenceMs: number;
  /** Datagrams per second from one address, and at once after a pause. Default 200 and 1000. */
  readonly datagramsPerSecond: number;
  readonly datagramsBurst: number;
}

/** What the classic gateway for UDP is given; it has 64-bit ids only. */
export interface ClassicUdpOptions extends ClassicOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly registry: ClassicRegistry;
  /** The session of a classic phone with a slot, if one is logged in. */
  readonly findPhone?: Reading["findPhone"] | undefined;
  readonly limits: ClassicOptions["limits"] & ClassicUdpLimits;
}
