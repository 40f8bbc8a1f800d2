import type { Broker } from "../../broker/broker.ts";
import type { Counter, Histogram, Metrics } from "../../core/metrics.ts";
import type { Result } from "../../core/result.ts";
import type { Context } from "../kernel/actor.ts";
import type { UploadsMessage } from "./messages.ts";

export interface UploadLimits {
  /** Uploads in one call to the broker. Default 1 000. */
  readonly batchMax: number;
  /** Uploads that may wait for it; more are refused. Default 20 000. */
  readonly waitingMax: number;
}

export const UPLOAD_LIMITS: UploadLimits = { batchMax: 1_000, waitingMax: 20_000 };

export interface UploadsDeps {
  readonly broker: Broker;
  readonly metrics: Metrics;
  readonly limits?: Partial<UploadLimits>;
}

export interface UploadFigures {
  readonly published: Counter;
  readonly refused: Counter;
  readonly batch: Histogram;
}

export function uploadFigures(metrics: Metrics): UploadFigures {
  const uploads = (outcome: string): Counter =>
    metrics.counter("herald_uploads_total", "Uploads of devices by outcome.", { outcome });
  return {
    published: uploads("published"),
    refused: uploads("refused"),
    batch: metrics.histogram(
      "herald_uploads_batch",
      "Uploads in one call to the broker.",
      [1, 4, 16, 64, 256, 1_000],
    ),
  };
}

/** What waits for the broker. Changed in place; a restart begins with an empty one. */
export interface UploadsState {
  waiting: UploadsMessage[];
  isBusy: boolean;
}

export function newUploads(): UploadsState {
  return { waiting: [], isBusy: false };
}

export type Message =
  | UploadsMessage
  | { readonly type: "start" }
  | {
      readonly type: "published";
      readonly batch: readonly UploadsMessage[];
      readonly outcome: Result<void>;
    };

export type Ctx = Context<Message>;
