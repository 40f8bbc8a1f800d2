import type { Part } from "./faults.ts";

/** Where the node under test and the sink are, given to the node's process as its argument. */
export interface NodeOptions {
  readonly dataDir: string;
  readonly leaseMs: number;
  /** The address of the sink; each way to send has its own path below it. */
  readonly sinkUrl: string;
  readonly secret: string;
}

/**
 * How long what is in doubt waits for its receipt, in milliseconds. The sink tells within a
 * second; a provider that takes longer needs a longer wait, and recovers as much later.
 */
export const RECEIPT_WAIT_MS = 3_000;

/** What the node's process is told. */
export type ToNode =
  | { readonly type: "throw"; readonly part: Part }
  /** A second master of the same campaign, beside its own. */
  | { readonly type: "second-master"; readonly campaign: string };

/** What the node's process says. */
export type FromNode =
  | { readonly type: "serves"; readonly url: string; readonly token: string | undefined }
  | { readonly type: "refused"; readonly code: string; readonly message: string }
  /** Often, because a process that is killed cannot say it at its end. */
  | { readonly type: "figures"; readonly operations: number; readonly thrown: number };

/** How the sink misbehaves from now on. */
export interface SinkBehavior {
  /** One batch of so many is taken, and its answer is lost; 0: none is. */
  readonly loseEvery: number;
  /** Where receipts go for what comes to `/receipted`, again and again until they are taken. */
  readonly receipts: { readonly url: string; readonly secret: string } | undefined;
  /** Each message is told of three times, in no order; otherwise once, in order. */
  readonly areReceiptsTwisted: boolean;
}

/** What the sink's process is told. */
export type ToSink =
  | { readonly type: "behave"; readonly behavior: SinkBehavior }
  /** Die at the next request: before or after it has been written down; or never mind. */
  | { readonly type: "die"; readonly when: "before" | "after" | "never" }
  /** Answer when something arrives that comes after this. */
  | { readonly type: "next"; readonly id: number }
  | { readonly type: "count"; readonly id: number }
  | { readonly type: "judge"; readonly id: number; readonly question: Question };

/** What the sink's process says. */
export type FromSink =
  | { readonly type: "listens"; readonly port: number }
  | { readonly type: "answer"; readonly id: number; readonly answer: unknown };

/** What the judge is asked: what became of one run. */
export interface Question {
  readonly ledger: string;
  /** The members that the run was for. */
  readonly members: readonly string[];
  /** Whether the sink's product knows repeated keys, so that they are no second message. */
  readonly knowsKeys: boolean;
}

/** The judge's answer, from its own log alone. */
export interface Verdict {
  readonly arrived: number;
  /** Messages that somebody got beyond the first. */
  readonly duplicates: number;
  /** Messages to people whom the run was not for. */
  readonly strangers: number;
  readonly missing: readonly string[];
}

/** Something has arrived, in milliseconds since the Unix epoch; and how much by then. */
export interface Arrival {
  readonly at: number;
  readonly arrived: number;
  /** Receipts that the node has taken, and those that it is still to be told. */
  readonly told: number;
  readonly untold: number;
}
