import type { RuntimeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { NewId } from "../../core/random.ts";
import type { Result } from "../../core/result.ts";
import type { AuditStore } from "../../persistence/ports/audit.ts";
import type { ApiToken, CredentialStore } from "../../persistence/ports/credentials.ts";
import type { RequestStore } from "../../persistence/ports/requests.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { Forward } from "../kernel/answer.ts";
import type { AccessMessage, Caller } from "./messages.ts";

/** What the access desk works with. */
export interface AccessDeps {
  readonly credentials: CredentialStore;
  readonly audit: AuditStore;
  readonly requests: RequestStore;
  readonly newId: NewId;
  /** This boot's id: a request claimed by another one was left behind by a dead node. */
  readonly owner: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<AccessLimits> | undefined;
}

export interface AccessLimits {
  /** Tokens kept in memory. Default 1 000. */
  readonly cacheMax: number;
  /** How long a token is believed without asking the store. Default 30 000 ms. */
  readonly cacheMs: number;
  /** Different tokens that may be looked up at once. Default 256. */
  readonly lookupsMax: number;
  /** Writes that may wait for the store to work again. Default 1 000. */
  readonly writesMax: number;
  /** How long an idempotency key is remembered. Default 24 h. */
  readonly keyTtlMs: number;
  /** How often at most the store is written to see whether that works. Default 2 000 ms. */
  readonly checkEveryMs: number;
}

export const ACCESS_LIMITS: AccessLimits = {
  cacheMax: 1_000,
  cacheMs: 30_000,
  lookupsMax: 256,
  writesMax: 1_000,
  keyTtlMs: 86_400_000,
  checkEveryMs: 2_000,
};

/** A write that is repeated until the store has taken it. */
export interface Write {
  /** What it is, for the log when it is given up. */
  readonly label: string;
  readonly run: () => Promise<void>;
}

/** A token as the store had it, believed until a moment of monotonic time. */
interface Cached {
  readonly token: ApiToken;
  readonly until: number;
}

export interface AccessState {
  /** By hash, oldest first. Only tokens that exist: guesses do not push them out. */
  readonly cache: ReadonlyMap<string, Cached>;
  /** Who waits for the store to say what a hash is. */
  readonly lookups: ReadonlyMap<string, readonly Ref<Result<Caller>>[]>;
  /** Grows with every revocation: what was read before one is not believed after it. */
  readonly revocations: number;
  /** Writes that wait to be repeated. */
  readonly waiting: number;
  readonly nextWrite: number;
  /** Whether the store could be written lately, and until when (monotonic) that is believed. */
  readonly check: { readonly until: number; readonly failure: RuntimeError | undefined };
}

export const newAccessState: AccessState = {
  cache: new Map(),
  lookups: new Map(),
  revocations: 0,
  waiting: 0,
  nextWrite: 0,
  check: { until: Number.NEGATIVE_INFINITY, failure: undefined },
};

export type Message =
  | AccessMessage
  | { readonly type: "started" }
  | {
      readonly type: "looked-up";
      readonly hash: string;
      readonly revocations: number;
      readonly outcome: Result<ApiToken | undefined>;
    }
  | {
      readonly type: "revoked";
      readonly id: string;
      readonly replyTo: Extract<AccessMessage, { type: "revoke-token" }>["replyTo"];
      readonly outcome: Result<ApiToken>;
    }
  /** The outcome of an effect that changes nothing here goes to whoever asked. */
  | Forward<Ctx>
  | {
      readonly type: "written";
      readonly write: Write;
      readonly attempt: number;
      readonly replyTo: Ref<Result<true>> | undefined;
      readonly outcome: Result<void>;
    }
  | { readonly type: "write-again"; readonly write: Write; readonly attempt: number }
  | {
      readonly type: "store-checked";
      readonly request: Extract<AccessMessage, { type: "check-store" }>;
      readonly outcome: Result<void>;
    }
  | { readonly type: "purge" };

export type Ctx = Context<Message>;

/** What the parts of the desk share: its deps with every limit filled in. */
export interface Desk extends AccessDeps {
  readonly limits: AccessLimits;
}
