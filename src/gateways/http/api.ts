import type { AccessMessage, Caller } from "../../actors/access/messages.ts";
import type { AudienceMessage } from "../../actors/collect/messages.ts";
import type { InboxMessage } from "../../actors/inbox/messages.ts";
import type { Ref } from "../../actors/kernel/actor.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import type { CampaignMessage } from "../../actors/master/messages.ts";
import type { MemberMessage } from "../../actors/members/messages.ts";
import type { NumberedMessage } from "../../actors/numbered/messages.ts";
import type { OutboxMessage } from "../../actors/outbox/messages.ts";
import type { ReceiptsMessage } from "../../actors/receipts/messages.ts";
import type { RelationsMessage } from "../../actors/relations/messages.ts";
import type { ReviewMessage } from "../../actors/review/messages.ts";
import type { PrincipalKind } from "../../core/address.ts";
import type { Chronicle } from "../../core/chronicle.ts";
import type { Clock } from "../../core/clock.ts";
import type { Grants } from "../../core/device-request.ts";
import type { SecretOwner } from "../../core/device-secret.ts";
import type { Problem } from "../../core/errors.ts";
import type { Figure } from "../../core/figure.ts";
import type { Ledger, Outcome } from "../../core/ledger.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { NewId } from "../../core/random.ts";
import type { Result } from "../../core/result.ts";

import type { Bans } from "../bans.ts";
import type { PushSettings } from "./push/settings.ts";
import type { StatusSampler } from "./status/sampler.ts";

/** The actors that the admin API talks to: every change is a message to one of them. */
export interface Actors {
  readonly access: Ref<AccessMessage>;
  readonly audiences: Ref<AudienceMessage>;
  readonly campaigns: Ref<CampaignMessage>;
  readonly inbox: Ref<InboxMessage>;
  readonly members: Ref<MemberMessage>;
  readonly receipts: Ref<ReceiptsMessage>;
  readonly numbered: Ref<NumberedMessage>;
  readonly outbox: Ref<OutboxMessage>;
  readonly relations: Ref<RelationsMessage>;
  readonly review: Ref<ReviewMessage>;
}

/** What the gateway needs of the actor system. */
export type System = Pick<
  ActorSystem,
  "node" | "ask" | "inspect" | "find" | "entity" | "each" | "count"
>;

/** Inboxes as those see them who look from outside. */
export interface Inboxes {
  /** What waits for a principal. It is not a reading: devices get it as before. */
  waiting(principal: string): Promise<{
    /** The highest offset given out; the highest that was let go unconfirmed. */
    readonly head: number;
    readonly forgotten: number;
    readonly items: readonly {
      readonly offset: number;
      readonly id: string;
      readonly topic: string;
      readonly ack: boolean;
      readonly expiresAt: number;
    }[];
  }>;
  /** What became of items whose ids begin so, by id, after everything settled before. */
  fates(
    prefix: string,
    page: { readonly after: string; readonly limit: number },
  ): Promise<
    readonly {
      readonly id: string;
      readonly offset: number;
      readonly settled: { readonly outcome: Outcome; readonly at: number } | undefined;
    }[]
  >;
}

/** A credential for a device's WebSocket login. */
export interface MintRequest {
  /** The user's id, or the board's where `kind` is `board`. */
  readonly user: string;
  readonly kind?: PrincipalKind;
  readonly grants?: Grants;
  readonly device?: string;
  /** A board's, with which the token ends. */
  readonly secretVersion?: number | undefined;
  readonly ttlMs: number;
}

/** A provider that campaigns may name, and what it is doing. */
export interface ProviderView {
  readonly name: string;
  readonly capabilities: {
    readonly maxBatch: number;
    readonly maxInFlight: number;
    readonly idempotency: "none" | "key" | "collapse";
    readonly keyTtlMs: number;
    readonly receipts: "none" | "callback" | "poll";
    readonly dryRun: boolean;
  };
  /** Undefined for those that have no limits around them. */
  readonly state:
    | {
        readonly inFlight: number;
        readonly waiting: number;
        readonly items: Readonly<Record<string, number>>;
        readonly latencyMs: number;
        readonly gates: Readonly<Record<string, Readonly<Record<string, number | string>>>>;
      }
    | undefined;
}

/** Where a device is, as seen from here. */
export interface PeerView {
  readonly device: string;
  readonly address: string;
  readonly port: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Devices that are here over UDP, and may be told of each other. */
export interface PeerPort {
  /** The address of one of a principal's devices, or of the one that came last. */
  find(principal: string, device?: string): PeerView | undefined;
  /** Tells `other` where the asker is, if that may send to it, and gives where `other` is. */
  introduce(asker: string, at: PeerView, other: string): Promise<Result<PeerView>>;
  /** Tells a principal that is here where another one is. */
  tell(principal: string, about: string, place: PeerView): void;
}

/** What the node can say of itself. */
export interface About {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** The configuration, with its secrets. */
  readonly config: unknown;
  /** Every figure of the node at this moment, but for histograms. */
  readonly figures: () => Promise<readonly Figure[]>;
}

/** What the gateway is given by `main.ts`. */
export interface HttpPorts {
  readonly system: System;
  readonly actors: Actors;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly newId: NewId;
  readonly mint: (request: MintRequest) => Promise<string>;
  /** What a device and this installation share, in base64url. */
  readonly deviceSecret: (owner: SecretOwner) => string;
  /** Absent where no device may come over UDP. */
  readonly peers?: PeerPort | undefined;
  /** Where messages of one ledger ended, or of all when no name is given. */
  readonly readLedger: (name: string | undefined) => Promise<Ledger>;
  readonly about: About;
  readonly inboxes: Inboxes;
  readonly chronicle: Chronicle;
  /** Sends devices away, or takes them again; both say how many connections there are. */
  readonly departures: {
    redirect(to: { readonly url?: string | undefined; readonly withinMs: number }): number;
    resume(): number;
  };
  /** Who connected too often, and is refused. */
  readonly bans: Bans;
  /** Every provider of this node, in the order of their names. */
  readonly providers: () => readonly ProviderView[];
  /** The keys that a provider signs its receipts with; none when it may send none. */
  readonly receiptKeys: (provider: string) => readonly Uint8Array[];
  /** What pages subscribe to a provider's web push with; undefined when it has none. */
  readonly vapidKey: (provider: string) => string | undefined;
  /** How old callers' projects are sent; absent: the old routes are not served. */
  readonly push?: PushSettings | undefined;
  /** Every figure of the node in Prometheus' text format. */
  readonly renderMetrics: () => Promise<string>;
  /** Why this node cannot take work, beside what the gateway sees itself. None: it can. */
  readonly notReady?: () => readonly Problem[];
}

/** Limits of the HTTP gateway. */
export interface HttpLimits {
  /** Largest JSON body, in bytes. Default 1 MiB. */
  readonly bodyBytesMax: number;
  /** Largest JSON body of an audience given as a list, in bytes. Default 32 MiB. */
  readonly listBytesMax: number;
  /** Largest CSV upload, in bytes. Default 10 GiB. */
  readonly csvBytesMax: number;
  /** Requests in work at once; more are refused with `gateway.busy`. Default 256. */
  readonly requestsMax: number;
  /** Event streams open at once. Default 256. */
  readonly streamsMax: number;
  /** How long an actor may take to answer. Default 5 000 ms. */
  readonly askMs: number;
  /** How long the body of a request may take, but for uploads. Default 30 000 ms. */
  readonly bodyMs: number;
  /** How long an uploaded audience may take to become ready. Default 600 000 ms. */
  readonly importMs: number;
  /** How often a quiet event stream shows that it lives. Default 15 000 ms. */
  readonly heartbeatMs: number;
  /** Whether `/metrics` needs no token. Default true. */
  readonly metricsPublic: boolean;
  /** Whether `/v1/status` needs no token. Default false. */
  readonly statusPublic: boolean;
}

export const HTTP_LIMITS: HttpLimits = {
  bodyBytesMax: 1_048_576,
  listBytesMax: 33_554_432,
  csvBytesMax: 10_737_418_240,
  requestsMax: 256,
  streamsMax: 256,
  askMs: 5_000,
  bodyMs: 30_000,
  importMs: 600_000,
  heartbeatMs: 15_000,
  metricsPublic: true,
  statusPublic: false,
};

/** Documents made from the route table. */
export interface Documents {
  readonly openApi: string;
  readonly docs: string;
  readonly landing: string;
}

/** What the handler of a route works with. */
export interface Api extends HttpPorts {
  readonly limits: HttpLimits;
  readonly status: StatusSampler;
  /** What the gateway says of itself, made once from the route table. */
  documents(): Documents;
  /** Why this node cannot take work at this moment; none means that it can. */
  reasonsNotReady(): Promise<readonly Problem[]>;
  /**
   * Asks an actor and returns the value it answers. The answer's address is added here.
   *
   * @throws RuntimeError the one it answers, or `ask.timeout`, `actor.stopped`, `mailbox.full`.
   */
  ask<Message extends Tagged, Type extends Message["type"]>(
    to: Ref<Message>,
    request: { readonly type: Type } & RequestOf<Message, Type>,
    deadlineMs?: number,
  ): Promise<AnswerOf<Message, Type>>;
}

interface Tagged {
  readonly type: string;
}

type Of<Message, Type> = Extract<Message, { readonly type: Type }>;
type RequestOf<Message, Type> = Omit<Of<Message, Type>, "replyTo">;
type AnswerOf<Message, Type> =
  Of<Message, Type> extends { readonly replyTo?: Ref<Result<infer Answer>> | undefined }
    ? Answer
    : never;

/** Asks an actor and unwraps its answer; see `Api.ask`. */
export function askOf(system: System, limits: HttpLimits): Api["ask"] {
  return async <Message extends Tagged, Type extends Message["type"]>(
    to: Ref<Message>,
    request: { readonly type: Type } & RequestOf<Message, Type>,
    deadlineMs = limits.askMs,
  ) => {
    type Answer = Result<AnswerOf<Message, Type>>;
    const result = await system.ask<Message, Answer>(
      to,
      (replyTo) => ({ ...request, replyTo }) as unknown as Message,
      { deadlineMs },
    );
    if (result.ok) return result.value;
    throw result.error;
  };
}

/** Who calls: behind routes that need no token, nobody. */
export const NOBODY: Caller = { id: "anonymous", name: "anonymous", role: "viewer" };
