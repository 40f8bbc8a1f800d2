import { RuntimeError } from "../../core/errors.ts";

/** Something that devices uploaded for the back end, as it is stored. */
export interface Upload {
  /** Its place in the outbox: ascending, never used twice. */
  readonly offset: number;
  /** Who uploaded it: the principal's key, and the device. */
  readonly principal: string;
  readonly device: string;
  /** The routing key, as `state`, `alarm`. */
  readonly kind: string;
  /** The payload as JSON text. */
  readonly payload: string;
  /** Makes a repeated upload of the same principal one upload. */
  readonly key: string;
  readonly at: number;
}

export type NewUpload = Omit<Upload, "offset">;

export interface OutboxAppended {
  readonly offset: number;
  /** False when one with this principal and key was there before. */
  readonly fresh: boolean;
}

export interface ConsumerPlace {
  readonly consumer: string;
  /** Everything up to this offset is acknowledged. */
  readonly acked: number;
  /** How many are kept beyond it. */
  readonly behind: number;
}

/** Consumers that an outbox may have: each of them can hold up what is kept. */
export const CONSUMERS_MAX = 100;

/** So many more are deleted than have to be when there is no room, if all have read them. */
export const ROOM_MAX = 1_000;

export interface UploadsRequest {
  readonly consumer: string;
  /** From there; undefined: from what the consumer has acknowledged. */
  readonly after?: number | undefined;
  readonly limit: number;
  /** Characters of payload at most, but always one upload. */
  readonly charactersMax: number;
  /** All when undefined. */
  readonly kinds?: readonly string[] | undefined;
}

/** What a consumer gets at once. */
export interface UploadsRead {
  readonly uploads: readonly Upload[];
  /** Everything up to here has been looked at; to be acknowledged once it is handled. */
  readonly upTo: number;
  /** How many right after the consumer's place, of any kind, are not kept any more. */
  readonly missed: number;
}

/**
 * Where the uploads that were ever taken are: `accepted = acked + waiting + pruned`. Each is
 * counted by itself, so that the equation can fail.
 */
export interface OutboxLedger {
  readonly accepted: number;
  /** Acknowledged by all consumers that there were, kept or not. */
  readonly acked: number;
  /** Kept for a consumer, or for the first one to come. */
  readonly waiting: number;
  /** Deleted for their age before everybody had acknowledged them. */
  readonly pruned: number;
}

/** Uploads on their way to the back end: bounded, read by consumers with offsets. */
export interface OutboxStore {
  /**
   * Keeps uploads, durable when it resolves: the first ones, up to that for which there is no room
   * among `max`; the result is as long. The oldest that every consumer has acknowledged make room,
   * for these and `ROOM_MAX` more, so that no call has to delete much.
   */
  append(uploads: readonly NewUpload[], max: number): Promise<readonly OutboxAppended[]>;
  /** At most `limit` uploads after an offset, of these kinds (all when undefined), by offset. */
  read(request: {
    readonly after: number;
    readonly limit: number;
    readonly kinds?: readonly string[];
  }): Promise<readonly Upload[]>;
  /**
   * The next for a consumer; one that was never heard of is made, as by `place`.
   *
   * @throws RuntimeError `outbox.refused` as `place`, and when `after` is beyond the latest upload.
   */
  next(request: UploadsRequest): Promise<UploadsRead>;
  /**
   * Where a consumer is. One that was never heard of is made, with `acked` 0.
   *
   * @throws RuntimeError `outbox.refused` when there are `CONSUMERS_MAX` already.
   */
  place(consumer: string): Promise<ConsumerPlace>;
  /**
   * Moves a consumer forward, never back.
   *
   * @throws RuntimeError `outbox.refused` as `place`, and when it is beyond the latest upload.
   */
  ack(consumer: string, upTo: number): Promise<ConsumerPlace>;
  consumers(): Promise<readonly ConsumerPlace[]>;
  forget(consumer: string): Promise<boolean>;
  /**
   * Deletes at most `limit` uploads from before an instant, whoever has read them: the oldest, up
   * to the first that is younger, so that what is kept has no gaps.
   */
  prune(before: number, limit: number): Promise<number>;
  ledger(): Promise<OutboxLedger>;
}

/**
 * A place beyond the latest upload is of another outbox: who went on from there would miss what
 * comes until then, and nobody would know.
 *
 * @throws RuntimeError `outbox.refused`, naming the field.
 */
export function refuseBeyond(head: number, given: Readonly<Record<string, number>>): void {
  for (const [path, offset] of Object.entries(given)) {
    if (offset <= head) continue;
    const message = `${path} is ${offset}, and the latest upload of this outbox is ${head}`;
    const expected = `at most ${head}, the latest upload`;
    const problems = [{ path, expected, got: `${offset}` }];
    throw new RuntimeError("outbox.refused", message, { problems });
  }
}
