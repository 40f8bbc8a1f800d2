import type { PageId } from "../../persistence/ports/audience.ts";
import type { ProviderMessage } from "../../persistence/ports/receipts.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { Campaign } from "../master/messages.ts";

/** A page as a master hands it out. */
export interface PageToSend extends PageId {
  readonly size: number;
  /** The time zone of all its recipients; empty when not known. */
  readonly zone: string;
  /** Who had it on this node has ended: the lease that it left behind is taken over at once. */
  readonly abandoned?: boolean | undefined;
}

/** How fast a worker may go. */
export interface Pace {
  /** Recipients per window. */
  readonly window: number;
  /** Whether each message needs a permit of the master. */
  readonly limited: boolean;
}

/** What a campaign master says to one of its workers. */
export type WorkerMessage =
  /**
   * Take the lease of this page and send it, beginning nothing from `until` on (milliseconds
   * since the epoch, infinite: no end); the answer is `page-left`.
   */
  | { readonly type: "send-page"; readonly page: PageToSend; readonly until: number }
  /** The answer to `want-permits`: so many messages may go. */
  | { readonly type: "permits-granted"; readonly count: number }
  | { readonly type: "set-pace"; readonly pace: Pace }
  /** Finish the windows in flight, give the page back, and end. */
  | { readonly type: "stand-down" };

/** Why a worker is through with a page. */
export type PageOutcome =
  | "done"
  /** Somebody else holds the lease; it may be had later. */
  | "taken"
  /** Given back before it was done. */
  | "open"
  /** The audience does not have it. */
  | "gone";

/** What a worker says to its master. `worker` is its name. */
export type WorkerReport =
  /** It has no page. After a crash it says so again. */
  | {
      readonly type: "worker-ready";
      readonly worker: string;
      readonly ref: Ref<WorkerMessage>;
    }
  /** A life of it has ended in a crash, and with it whatever it had begun; another may follow. */
  | { readonly type: "worker-crashed"; readonly worker: string }
  | { readonly type: "want-permits"; readonly worker: string; readonly count: number }
  /** Its heartbeat, with every renewal of its lease: this page is in good hands. */
  | {
      readonly type: "page-held";
      readonly worker: string;
      readonly page: PageToSend;
      readonly done: number;
      readonly intent: number;
      /** When the oldest window under way was handed off, in monotonic milliseconds. */
      readonly oldestAt: number | undefined;
      /** It can do nothing for its page but look for receipts. */
      readonly waits: boolean;
    }
  /** A window, or what was left of one, came back from the provider. */
  | {
      readonly type: "window-sent";
      readonly worker: string;
      /** Recipients settled by it. */
      readonly settled: number;
      /** The provider was given something; not so when only receipts were looked for. */
      readonly asked: boolean;
      /** Recipients for whom this attempt failed or brought no answer. */
      readonly failed: number;
      /** Why the provider rejected the window, or failed most of it; empty when it did not. */
      readonly rejected: string;
      /** Why a recipient was given up; empty when none was. */
      readonly refusal: string;
    }
  | {
      readonly type: "page-left";
      readonly worker: string;
      readonly page: PageToSend;
      readonly outcome: PageOutcome;
    };

/** What a worker needs to know when it begins; plain data but for the ref. */
export interface WorkerStart {
  readonly name: string;
  readonly campaign: Campaign;
  readonly pace: Pace;
  readonly master: Ref<WorkerReport>;
}

/**
 * Who holds the leases of a master's workers: a boot of the node, and the master. A master that
 * begins again after a crash is the same, and knows that its workers have ended with it.
 */
export function leaseOwner(boot: string, master: Pick<Ref<never>, "incarnation">): string {
  return `${boot}#${master.incarnation}`;
}

/** Recipients of one page who are to be sent to again: a window of them. */
export interface ResendPiece {
  readonly campaign: Campaign;
  readonly page: PageId;
  readonly indices: readonly number[];
}

/** What came of sending to somebody again; who is not settled by it is still unknown. */
export interface Resent {
  readonly delivered: number;
  readonly refused: number;
  readonly unknown: number;
  /** What the provider calls the messages. */
  readonly named: readonly ProviderMessage[];
}

/** Sends a window of recipients again, and journals what came of it. */
export type ResendWindow = (piece: ResendPiece, signal: AbortSignal) => Promise<Resent>;

/** Marks what a run that is over has left in doubt as unknown, once its workers have ended. */
export type SettleAbandoned = (campaign: Campaign, owner: string) => Promise<void>;

/** Creates a worker below the actor whose turn it is. */
export type SpawnWorker = <Message>(
  ctx: Context<Message>,
  start: WorkerStart,
) => Ref<WorkerMessage>;
