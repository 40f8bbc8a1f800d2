import type { Context, Ref } from "../../actors/kernel/actor.ts";
import type { SessionMessage } from "../../actors/session/messages.ts";
import type { Beats } from "../beats.ts";
import type { SessionFrame } from "../protocol/frames.ts";
import type { Bucket } from "../websocket/frame-rate.ts";
import { Channel } from "./channel.ts";
import type { UdpCounts } from "./counts.ts";
import type { ChannelKeys } from "./keys.ts";
import type { Holder, Outbound, PrivateMessage } from "./messages.ts";
import type { UdpOptions } from "./options.ts";
import type { Peers } from "./peers.ts";
import type { Replies } from "./replies.ts";

/** A packet that came from another address than before, and what may be sent there. */
export interface Unproven {
  /** Whoever confirms a packet of this number or a later one is at the address. */
  readonly from: number;
  /** Bytes that may be sent to it until then. */
  credit: number;
}

/** Pushes too large for UDP on this channel, which no `upTo` may confirm. */
export interface Withheld {
  readonly first: number;
  /** Offsets above the first that were sent and are not confirmed. */
  sent: number[];
}

/**
 * One device's channel, and the connection of its session. Changed in place, for the reasons that
 * a session is; a UDP session that crashes is not started again.
 */
export interface UdpState extends Bucket {
  /** In hex, as in the header of its packets. */
  readonly id: string;
  readonly holder: Holder;
  readonly channel: Channel;
  address: string;
  port: number;
  unproven: Unproven | undefined;
  stage: "hello" | "joining" | "open" | "closed";
  self: Ref<PrivateMessage> | undefined;
  session: Ref<SessionMessage> | undefined;
  sessionId: string;
  /** Frames that came between the hello and the welcome. */
  held: { readonly frame: SessionFrame; readonly bytes: Uint8Array }[] | undefined;
  /** The beat in which it is gone unless another packet that authenticates comes. */
  goneAt: number;
  /** The beat in which its log-in has taken too long. */
  readonly welcomeBy: number;
  /** Whether a `flush` is in the mailbox. */
  isFlushing: boolean;
  /** When the timer fires. */
  timerAt: number;
  tellsDrained: boolean;
  malformed: number;
  withheld: Withheld | undefined;
  /** The frame of its last packet, and how often that has been sent. */
  farewell: Uint8Array | undefined;
  farewells: number;
}

/** What all UDP sessions of a node share. */
export interface UdpDeps {
  readonly options: UdpOptions;
  readonly counts: UdpCounts;
  readonly replies: Replies;
  readonly peers: Peers;
  readonly socket: Ref<Outbound>;
  readonly beats: Beats;
}

export type Ctx = Context<PrivateMessage>;

export interface NewChannel {
  readonly id: string;
  readonly holder: Holder;
  readonly keys: ChannelKeys;
  readonly address: string;
  readonly port: number;
  readonly now: number;
}

export function newUdpSession(opened: NewChannel, { options, beats }: UdpDeps): UdpState {
  const { limits } = options;
  const { id, holder, keys, address, port, now } = opened;
  return {
    id,
    holder,
    channel: new Channel({
      // A copy of its own: a part of the pool would keep all of it as long as the session lives.
      session: Uint8Array.from(Buffer.from(id, "hex")),
      outward: keys.fromServer,
      inward: keys.fromDevice,
      attemptsMax: limits.attemptsMax,
    }),
    address,
    port,
    unproven: undefined,
    stage: "hello",
    self: undefined,
    session: undefined,
    sessionId: "",
    held: undefined,
    goneAt: beats.in(limits.heartbeatMs),
    welcomeBy: beats.in(limits.helloTimeoutMs),
    isFlushing: false,
    timerAt: Number.POSITIVE_INFINITY,
    tellsDrained: false,
    malformed: 0,
    withheld: undefined,
    farewell: undefined,
    farewells: 0,
    credit: limits.framesBurst * 1000,
    creditAt: now | 0,
  };
}
