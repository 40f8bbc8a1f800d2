import type { Broker } from "../../broker/broker.ts";
import type { Counter, Histogram, Metrics } from "../../core/metrics.ts";
import type { Result } from "../../core/result.ts";
import type { Context } from "../kernel/actor.ts";
import type { UploadsMessage } from "./messages.ts";

export interface UploadLimits {
  /** Uploads in one call to the broker. Default 1 000. */
  readonly batchMax: number;
  /** Characters of payload in one call, but always one upload. Default 4 Mi. */
  readonly batchCharactersMax: number;
  /** Uploads that may wait for it; more are refused. Default 20 000. */
  readonly waitingMax: number;
  /** Characters of their payloads; more are refused. Default 64 Mi. */
  readonly waitingCharactersMax: number;
}

export const UPLOAD_LIMITS: UploadLimits = {
  batchMax: 1_000,
  batchCharactersMax: 4_194_304,
  waitingMax: 20_000,
  waitingCharactersMax: 67_108_864,
};

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
  /** Of the payloads of those that wait. */
  characters: number;
  isBusy: boolean;
}

export function newUploads(): UploadsState {
  return { waiting: [], characters: 0, isBusy: false };
}

export type Message =
  | UploadsMessage
  | { readonly type: "start" }
  | {
      readonly type: "published";
      readonly batch: readonly UploadsMessage[];
      readonly outcome: Result<readonly Result<true>[]>;
    };

export type Ctx = Context<Message>;
