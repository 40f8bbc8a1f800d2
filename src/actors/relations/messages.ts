import type { Reach } from "../../core/relations.ts";
import type { Result } from "../../core/result.ts";
import type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type {
  Board,
  Family,
  Invitation,
  RelationChange,
} from "../../persistence/ports/relations.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type { PageOf } from "../../persistence/ports/audience.ts";
export type {
  Board,
  Family,
  Invitation,
  RelationChange,
} from "../../persistence/ports/relations.ts";

/** The relations desk is found by this kind and the name `RELATIONS`. */
export const relationsKind = kind<RelationsMessage>("relations");

export const RELATIONS = "relations";

export interface ChangeAnswer {
  /** False when it held already: then nobody was told anything. */
  readonly changed: boolean;
}

/** Everything that is known of a principal's relations. */
export interface Relations {
  readonly reach: Reach;
  readonly family: Family | undefined;
  readonly invitations: readonly Invitation[];
  /** When it was last connected; undefined if it never was. */
  readonly lastSeen: number | undefined;
}

/** What anyone may send to the relations desk, the one actor that changes relations. */
export type RelationsMessage =
  /**
   * Changes relations, tells the principals that are here their new reach, and announces the
   * status event through inboxes. Answered after that; what is announced survives a crash.
   */
  | {
      readonly type: "change";
      readonly change: RelationChange;
      /** Whose wish it is, for the audit; undefined when the asker has it recorded. */
      readonly by: string | undefined;
      readonly replyTo: Ref<Result<ChangeAnswer>>;
    }
  /** Whom a principal (key) may reach; what many ask for at once is one store operation. */
  | {
      readonly type: "reach";
      readonly principal: string;
      readonly replyTo: Ref<Result<Reach>>;
    }
  /** A principal was connected at this instant; kept in batches, unanswered. */
  | { readonly type: "seen"; readonly principal: string; readonly at: number }
  /** When these principals were last connected, in the same order; undefined: never. */
  | {
      readonly type: "last-seen";
      readonly principals: readonly string[];
      readonly replyTo: Ref<Result<readonly (number | undefined)[]>>;
    }
  /** Answered once everything seen before is durable. */
  | { readonly type: "flush-seen"; readonly replyTo: Ref<Result<true>> }
  | {
      readonly type: "read-board";
      readonly board: string;
      readonly replyTo: Ref<Result<Board>>;
    }
  /** The version of a board's secret; undefined when it is not registered. */
  | {
      readonly type: "secret-version";
      readonly board: string;
      readonly replyTo: Ref<Result<number | undefined>>;
    }
  | {
      readonly type: "list-boards";
      readonly request: PageRequest & { readonly owner?: string | undefined };
      readonly replyTo: Ref<Result<PageOf<Board>>>;
    }
  /** The family of this host; `family.unknown` when there is none. */
  | {
      readonly type: "read-family";
      readonly host: string;
      readonly replyTo: Ref<Result<Family>>;
    }
  | {
      readonly type: "read-relations";
      readonly principal: string;
      readonly replyTo: Ref<Result<Relations>>;
    }
  /**
   * Announces to a user an event that is not a change of relations. With the id of an earlier
   * one it is the same event, and changes nothing.
   */
  | {
      readonly type: "announce";
      readonly user: string;
      readonly event: "user.email-activated" | "user.phone-bound";
      readonly id?: string | undefined;
      readonly replyTo: Ref<Result<ChangeAnswer>>;
    }
  /**
   * Ends the sessions of a user's device, or of all, after telling the user why. Changes nothing
   * when the user is not here.
   */
  | {
      readonly type: "kick";
      readonly user: string;
      readonly device: string | undefined;
      readonly reason: string;
      readonly replyTo: Ref<Result<ChangeAnswer>>;
    };
