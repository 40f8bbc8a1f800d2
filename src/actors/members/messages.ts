import type { Condition } from "../../core/condition.ts";
import type { Result } from "../../core/result.ts";
import type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type { Exclusions, Member } from "../../persistence/ports/members.ts";
import type { Suppression } from "../../persistence/ports/suppressions.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type { Exclusions, Member, MemberChange } from "../../persistence/ports/members.ts";
export type { Suppression } from "../../persistence/ports/suppressions.ts";

/** A line that was left out, and why. Line 1 is the first line. */
export interface MemberLineError {
  readonly line: number;
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

/** What became of the lines of an import. */
export interface MemberImport {
  readonly lines: number;
  /** Changes that are stored. */
  readonly stored: number;
  /** Lines left out. */
  readonly invalid: number;
  /** The first of them. */
  readonly errors: readonly MemberLineError[];
}

/** Who a condition would take. */
export interface Preview {
  /** Members that an audience of the condition would have at this moment. */
  readonly count: number;
  readonly excluded: Exclusions;
  /** The condition in plain words. */
  readonly words: string;
  /** Ids of some of them. */
  readonly sample: readonly string[];
}

/** A browser that takes web push for a member. */
export interface Browser {
  readonly endpoint: string;
  /** When it was last told to us. */
  readonly at: number;
}

/** What anyone may send to the member desk. */
export type MemberMessage =
  /**
   * Makes or changes members, all or none: `member.invalid` names everything that is wrong. The
   * values are as they came.
   */
  | {
      readonly type: "upsert-members";
      readonly changes: readonly unknown[];
      readonly replyTo: Ref<Result<MemberImport>>;
    }
  /** Begins an import of lines of NDJSON, to be fed piece by piece. */
  | {
      readonly type: "begin-member-import";
      readonly replyTo: Ref<Result<Ref<MemberImportMessage>>>;
    }
  | {
      readonly type: "read-member";
      readonly id: string;
      readonly replyTo: Ref<Result<Member>>;
    }
  /** Changes one member that there is. */
  | {
      readonly type: "change-member";
      readonly id: string;
      readonly change: Readonly<Record<string, unknown>>;
      readonly replyTo: Ref<Result<Member>>;
    }
  | {
      readonly type: "remove-member";
      readonly id: string;
      readonly replyTo: Ref<Result<{ readonly id: string }>>;
    }
  /** Makes the member when there is none. */
  | {
      readonly type: "opt-out";
      readonly id: string;
      readonly optedOut: boolean;
      readonly replyTo: Ref<Result<Member>>;
    }
  /**
   * A member's browser takes web push, with the `PushSubscription` as it came: `member.invalid`
   * names everything that is wrong. The member need not be known.
   */
  | {
      readonly type: "subscribe-browser";
      readonly id: string;
      readonly subscription: unknown;
      readonly replyTo: Ref<Result<{ readonly browsers: readonly Browser[] }>>;
    }
  | {
      readonly type: "list-browsers";
      readonly id: string;
      readonly replyTo: Ref<Result<{ readonly browsers: readonly Browser[] }>>;
    }
  /** Without an endpoint: all of the member's. */
  | {
      readonly type: "unsubscribe-browsers";
      readonly id: string;
      readonly endpoint: string | undefined;
      readonly replyTo: Ref<Result<{ readonly removed: number }>>;
    }
  | {
      readonly type: "suppress";
      readonly entries: readonly Omit<Suppression, "at">[];
      readonly replyTo: Ref<Result<{ readonly added: number }>>;
    }
  | {
      readonly type: "unsuppress";
      readonly kind: Suppression["kind"];
      readonly value: string;
      readonly replyTo: Ref<Result<{ readonly removed: boolean }>>;
    }
  | {
      readonly type: "list-suppressions";
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<Suppression>>>;
    }
  | {
      readonly type: "preview";
      readonly condition: Condition;
      readonly address: string | undefined;
      readonly replyTo: Ref<Result<Preview>>;
    };

/** The member desk; there is one. */
export const memberDeskKind = kind<MemberMessage>("members");

/** What the feeder of an import may send to it. */
export type MemberImportMessage =
  /** The answer means: taken, send the next one. Chunks may cut lines and characters anywhere. */
  | {
      readonly type: "chunk";
      readonly bytes: Uint8Array;
      readonly replyTo: Ref<Result<{ readonly lines: number }>>;
    }
  /** No more chunks. Answers when everything is stored. */
  | { readonly type: "end"; readonly replyTo: Ref<Result<MemberImport>> }
  /** What is stored stays stored. */
  | { readonly type: "abort"; readonly why: string };
