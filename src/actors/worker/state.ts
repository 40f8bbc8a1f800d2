import type { Clock } from "../../core/clock.ts";
import type { Result } from "../../core/result.ts";
import { type Message as CampaignMessage, compileMessage } from "../../core/variants.ts";
import type { AudienceStore, Page } from "../../persistence/ports/audience.ts";
import type { CampaignStore, PageState } from "../../persistence/ports/campaign.ts";
import type { MemberStore } from "../../persistence/ports/members.ts";
import type { ReceiptStore } from "../../persistence/ports/receipts.ts";
import type { SuppressionStore } from "../../persistence/ports/suppressions.ts";
import type { Provider } from "../../providers/provider.ts";
import type { Context } from "../kernel/actor.ts";
import type { Blocked, BlockedKnown } from "./blocked.ts";
import type { Pace, PageToSend, WorkerMessage, WorkerStart } from "./messages.ts";
import type { JournalStep, PageRun } from "./page-run.ts";
import type { Attempt } from "./send-window.ts";

/** What workers are made with; the same for all of a node. */
export interface WorkerDeps {
  readonly campaigns: CampaignStore;
  readonly audiences: AudienceStore;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly clock: Clock;
  /** Identity of this boot of the node, which is what leases are held by. */
  readonly owner: string;
  /** How long a lease lasts without renewal, in milliseconds. Default 4 000. */
  readonly leaseMs?: number;
  /** Needed for the guarantee `receipt`. */
  readonly receipts?: Pick<ReceiptStore, "ofPage"> | undefined;
  /** How long receipts of what is in doubt are waited for, in milliseconds. Default 10 000. */
  readonly receiptWaitMs?: number;
  /** Where bad addresses are noted, so that nobody tries them again. */
  readonly suppressions?: Pick<SuppressionStore, "suppress"> | undefined;
  /** Who knows of opt-outs and suppressions since an audience was made; absent: nobody does. */
  readonly members?: Pick<MemberStore, "blocked"> | undefined;
}

export interface WorkerState {
  readonly start: WorkerStart;
  readonly message: CampaignMessage;
  readonly pace: Pace;
  readonly phase: Phase;
  readonly standingDown: boolean;
  /** Permits granted and not yet used. */
  readonly permits: number;
  /** Whether the master owes an answer to `want-permits`. */
  readonly asking: boolean;
  /** Grows with every page, so that outcomes of an earlier one are recognised. */
  readonly serial: number;
}

export type Phase = Idle | Opening | Sending;

interface Idle {
  readonly type: "idle";
}

/** The lease is asked for and the page is read. */
export interface Opening {
  readonly type: "opening";
  readonly page: PageToSend;
  readonly until: number;
  readonly attempts: number;
}

export interface Sending {
  readonly type: "sending";
  readonly run: PageRun;
  /** Nothing is begun from then on, in milliseconds since the epoch. */
  readonly until: number;
  /** The journal step under way. */
  readonly writing: JournalStep | undefined;
  /** Failed journal calls in a row; the next one waits for its timer. */
  readonly failures: number;
  /** Settled windows wait a moment for the permits of the next one, to share a journal call. */
  readonly flush: "no" | "timed" | "due";
  /** Those of the page who may not be sent to any more; undefined: it is being asked. */
  readonly blocked: Blocked | undefined;
  /** The lease has to be renewed although nothing has moved. */
  readonly renew: boolean;
}

export type Message =
  | WorkerMessage
  | { readonly type: "begin" }
  | {
      readonly type: "opened";
      readonly serial: number;
      readonly deadline: number;
      readonly outcome: Result<Opened>;
    }
  | { readonly type: "open-again" }
  | {
      readonly type: "journalled";
      readonly serial: number;
      readonly step: JournalStep;
      readonly deadline: number;
      readonly release: boolean;
      readonly outcome: Result<void>;
    }
  | { readonly type: "journal-again" }
  | { readonly type: "flush" }
  | { readonly type: "close-page"; readonly serial: number }
  | { readonly type: "suppressed" }
  | BlockedKnown
  | { readonly type: "ask-blocked"; readonly serial: number; readonly attempts: number }
  | { readonly type: "renew" }
  | {
      readonly type: "attempted";
      readonly serial: number;
      readonly from: number;
      readonly outcome: Result<Attempt>;
    }
  | { readonly type: "attempt-again"; readonly serial: number; readonly from: number };

export interface Opened {
  readonly state: PageState | undefined;
  readonly page: Page | undefined;
}

export type Ctx = Context<Message>;

const LEASE_MS = 4_000;
const RECEIPT_WAIT_MS = 10_000;
/** The part of a lease after which nothing may be handed off any more. */
const DEADLINE_SHARE = 0.8;

export const idle: Idle = { type: "idle" };

export function newWorker(start: WorkerStart): WorkerState {
  const message = compileMessage(start.campaign);
  // It was compiled when the campaign was created: anything else is a bug.
  if (!message.ok) throw message.error;
  return {
    start,
    message: message.value,
    pace: start.pace,
    phase: idle,
    standingDown: false,
    permits: 0,
    asking: false,
    serial: 0,
  };
}

export function receiptWaitOf(deps: WorkerDeps): number {
  return deps.receiptWaitMs ?? RECEIPT_WAIT_MS;
}

export function leaseMsOf(deps: WorkerDeps): number {
  return deps.leaseMs ?? LEASE_MS;
}

/** A lease that begins in this turn: until when by the store's clock, and by our own. */
export function newLease(
  deps: WorkerDeps,
  ctx: Ctx,
): { readonly leaseUntil: number; readonly deadline: number } {
  const leaseMs = leaseMsOf(deps);
  return {
    leaseUntil: ctx.now + leaseMs,
    deadline: ctx.monotonic + leaseMs * DEADLINE_SHARE,
  };
}
