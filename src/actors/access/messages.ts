import type { Result } from "../../core/result.ts";
import type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type { AuditEntry } from "../../persistence/ports/audit.ts";
import type { ApiToken, Role } from "../../persistence/ports/credentials.ts";
import type { RequestClaim, StoredResponse } from "../../persistence/ports/requests.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
export type { AuditEntry } from "../../persistence/ports/audit.ts";
export type { Role } from "../../persistence/ports/credentials.ts";
export type { RequestClaim, StoredResponse } from "../../persistence/ports/requests.ts";

/** The access desk is found under this kind and the name `desk`. */
export const accessKind = kind<AccessMessage>("access");

/** Who is behind a token. */
export interface Caller {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** A token without what it is recognised by. */
export type TokenView = Omit<ApiToken, "hash">;

export type AuditLine = AuditEntry & { readonly seq: number };

/**
 * What anyone may send to the access desk, which knows tokens, the record of changes and the
 * requests that were made with an idempotency key. Tokens come as their hash, never as they are.
 */
export type AccessMessage =
  /** Answers `auth.invalid` when unknown or revoked, `auth.expired` when its time has passed. */
  | {
      readonly type: "authenticate";
      readonly hash: string;
      readonly replyTo: Ref<Result<Caller>>;
    }
  /** When there is a token with this id, that is the answer: it has another hash. */
  | {
      readonly type: "create-token";
      readonly id?: string;
      readonly name: string;
      readonly role: Role;
      readonly hash: string;
      /** How long it is valid, in milliseconds; 0 means for ever. */
      readonly ttlMs: number;
      readonly replyTo: Ref<Result<TokenView & { readonly isNew: boolean }>>;
    }
  /** Makes this hash an admin's token if no valid one is there; answers whether it did. */
  | {
      readonly type: "ensure-admin";
      readonly hash: string;
      readonly replyTo: Ref<Result<boolean>>;
    }
  /** Oldest first. */
  | {
      readonly type: "list-tokens";
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<TokenView>>>;
    }
  /** Valid until the answer, refused after it. Answers `token.unknown` when there is none. */
  | {
      readonly type: "revoke-token";
      readonly id: string;
      readonly replyTo: Ref<Result<TokenView>>;
    }
  /** Answered once it is durable. Repeated with back-off while the store is unavailable. */
  | {
      readonly type: "append-audit";
      readonly entry: Omit<AuditEntry, "at">;
      readonly replyTo?: Ref<Result<true>> | undefined;
    }
  /** Newest first. */
  | {
      readonly type: "list-audit";
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<AuditLine>>>;
    }
  | {
      readonly type: "begin-request";
      readonly key: string;
      readonly fingerprint: string;
      readonly replyTo: Ref<Result<RequestClaim>>;
    }
  /** Answered once it is durable. Repeated with back-off while the store is unavailable. */
  | {
      readonly type: "finish-request";
      readonly key: string;
      readonly response: StoredResponse;
      readonly replyTo?: Ref<Result<true>> | undefined;
    }
  | {
      readonly type: "abandon-request";
      readonly key: string;
      readonly replyTo?: Ref<Result<true>> | undefined;
    }
  /** Answers once the store has, and fails while it cannot be written. */
  | { readonly type: "check-store"; readonly replyTo: Ref<Result<true>> };
