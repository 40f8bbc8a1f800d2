import type { Price } from "../../core/price.ts";
import type { Result } from "../../core/result.ts";
import type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type { Certificate } from "../../persistence/ports/campaign.ts";
import type { Receipt } from "../../persistence/ports/receipts.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

/** Where a recipient of a campaign's run stands, as its journal says. */
export type RecipientState =
  /** Nothing has been sent to them yet. */
  | "untouched"
  /** Their window is on its way, or its worker died. */
  | "in-doubt"
  | "delivered"
  /** The provider has it and settles it in its own ledger: an inbox. */
  | "handed"
  /** In the control group, which gets nothing. */
  | "held"
  | "refused"
  | "invalid"
  | "unknown"
  | "capped"
  | "skipped";

/** One recipient of a run, and what became of them. */
export interface Outcome {
  readonly member: string;
  /** `partition/k` of their page, and the place in it. */
  readonly page: string;
  readonly index: number;
  /** The arm of the A/B test; empty without one. `control` gets nothing. */
  readonly arm: string;
  /** The version of the campaign that it was sent with; 0 when it was not. */
  readonly version: number;
  readonly state: RecipientState;
  /** What decided: `provider`, `cap`, `variable`, `operator` ...; empty when nothing did. */
  readonly rule: string;
  readonly reason: string;
  /** What the provider calls it; empty when it did not say. */
  readonly providerId: string;
  /** The last thing that the provider told later; empty when nothing. */
  readonly receipt: string;
}

/** What somebody can do about a recipient, and what that means. */
export interface Remedy {
  readonly do: "resolve-delivered" | "resolve-resend" | "resolve-give-up" | "resume" | "wait";
  readonly means: string;
}

/** The answer to: why did or didn't they get it? */
export interface Why {
  readonly campaign: string;
  readonly epoch: number;
  readonly member: string;
  readonly inAudience: boolean;
  /** In plain words. */
  readonly answer: string;
  /** Absent for somebody who is not in the audience. */
  readonly outcome?: Outcome | undefined;
  /** The window that they are or were in: `[done, intent)` of their page. */
  readonly page?: { readonly size: number; readonly done: number; readonly intent: number };
  /** Where it waits, or how it ended, when it went to an inbox. */
  readonly inbox?: { readonly state: string; readonly at: number } | undefined;
  readonly receipts: readonly Receipt[];
  readonly can: readonly Remedy[];
}

export interface UnknownRecipient extends Outcome {
  readonly can: readonly Remedy[];
}

export type Resolution = "delivered" | "resend" | "give-up";

/** What came of settling recipients that were unknown. */
export interface Resolved {
  readonly as: Resolution;
  readonly delivered: number;
  readonly refused: number;
  /** Sent again, and not settled by it: still unknown. */
  readonly unknown: number;
  /** Members that were named and are not unknown: nothing was changed for them. */
  readonly notUnknown: number;
  /** Whether there are more, when nobody was named. */
  readonly more: boolean;
}

/** What would become of recipients; each counts once. */
export interface DryCounts {
  readonly recipients: number;
  /** They would get it. */
  readonly sent: number;
  /** In the control group. */
  readonly held: number;
  /** They have had as many messages as the frequency cap allows. */
  readonly capped: number;
  /** A variable has no value and no fallback. */
  readonly missingVariable: number;
  /** Their time is so long past that they would not get it any more. */
  readonly late: number;
  /** Opted out, or suppressed, after the audience was made. */
  readonly blocked: number;
}

/** A message as somebody would get it. */
export interface Sample {
  readonly member: string;
  readonly arm: string;
  readonly locale: string;
  readonly payload: string;
}

/** What a campaign would do if it were started now. */
export interface DryRun {
  readonly campaign: string;
  readonly counts: DryCounts;
  readonly arms: Readonly<Record<string, DryCounts>>;
  readonly locales: Readonly<Record<string, DryCounts>>;
  /** At most 50, those with the most recipients first. */
  readonly zones: readonly DryZone[];
  /** When the first message would go, and the last one; -1 when it cannot be said. */
  readonly startsAt: number;
  readonly endsAt: number;
  readonly etaMs: number;
  /** What the estimate rests on, in plain words. */
  readonly pace: string;
  readonly samples: readonly Sample[];
  /** Up to ten members who would not get it for want of a variable, and which. */
  readonly missing: readonly { readonly member: string; readonly variable: string }[];
  readonly price: Price;
  /** Kept with the campaign; its `start` may ask for it. */
  readonly certificate: Certificate;
}

/** The recipients of one time zone, and when they may get it. */
export interface DryZone {
  /** Empty for those whose time zone is not known. */
  readonly zone: string;
  readonly recipients: number;
  readonly opensAt: number;
  /** Whether quiet hours hold it up. */
  readonly isQuiet: boolean;
}

export interface TestSent {
  readonly member: string;
  /** `ok`, `handed`, `refused` ...; `missing-variable` when it could not be written. */
  readonly status: string;
  readonly reason: string;
  readonly payload: string;
}

/** What anyone may send to the review desk, which answers questions about campaigns. */
export type ReviewMessage =
  | {
      readonly type: "ask-why";
      readonly id: string;
      readonly member: string;
      /** Absent: the present run. */
      readonly epoch?: number | undefined;
      readonly replyTo: Ref<Result<Why>>;
    }
  | {
      readonly type: "list-unknown";
      readonly id: string;
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<UnknownRecipient>>>;
    }
  | {
      readonly type: "resolve-unknown";
      readonly id: string;
      readonly as: Resolution;
      /** Absent: everybody who is unknown, as many as one call may settle. */
      readonly members?: readonly string[] | undefined;
      readonly why: string;
      readonly by: string;
      readonly replyTo: Ref<Result<Resolved>>;
    }
  /** One page of the audience at a time; `after` is `next` of the one before. */
  | {
      readonly type: "read-results";
      readonly id: string;
      readonly after?: string | undefined;
      readonly replyTo: Ref<Result<PageOf<Outcome>>>;
    }
  | {
      readonly type: "dry-run";
      readonly id: string;
      readonly by: string;
      readonly replyTo: Ref<Result<DryRun>>;
    }
  | {
      readonly type: "send-test";
      readonly id: string;
      readonly members: readonly string[];
      /** Part of the messages' ids: with the same one they are not sent again. */
      readonly run?: string;
      readonly by: string;
      readonly replyTo: Ref<Result<readonly TestSent[]>>;
    };

/** The review desk; there is one. */
export const reviewKind = kind<ReviewMessage>("review");
