import type { Reach } from "../../core/relations.ts";
import type { Result } from "../../core/result.ts";
import type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type { Board, Family, RelationChange } from "../../persistence/ports/relations.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type { Board, Family, RelationChange } from "../../persistence/ports/relations.ts";

/** The relations desk is found by this kind and the name `RELATIONS`. */
export const relationsKind = kind<RelationsMessage>("relations");

export const RELATIONS = "desk";

export interface ChangeAnswer {
  readonly changed: boolean;
}

/** What anyone may send to the relations desk, the one actor that changes relations. */
export type RelationsMessage =
  /**
   * Changes relations, tells the principals that are here their new reach, and announces the
   * status event; `by` goes to the audit. What is announced goes into inboxes.
   */
  | {
      readonly type: "change";
      readonly change: RelationChange;
      readonly by: string;
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
  | {
      readonly type: "read-board";
      readonly board: string;
      readonly replyTo: Ref<Result<Board>>;
    }
  | {
      readonly type: "list-boards";
      readonly request: PageRequest & { readonly owner?: string };
      readonly replyTo: Ref<Result<PageOf<Board>>>;
    }
  /** The family of this host, or the one that this user is in. */
  | {
      readonly type: "read-family";
      readonly host?: string;
      readonly user?: string;
      readonly replyTo: Ref<Result<Family>>;
    }
  /** Announces an event that is not a change of relations: e-mail activated, phone bound. */
  | {
      readonly type: "announce";
      readonly user: string;
      readonly event: "user.email-activated" | "user.phone-bound";
      readonly replyTo: Ref<Result<ChangeAnswer>>;
    };
