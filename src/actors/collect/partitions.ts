import { hash32 } from "../../core/hash.ts";
import type { SpillChunk } from "../../persistence/ports/audience.ts";
import type { Recipient } from "./messages.ts";

const PARTITIONS_MAX = 4_096;
const PARTITIONS_UNKNOWN = 256;
const ROWS_PER_PARTITION = 20_000;
/** A guess that only has to be right within a factor of a few. */
const BYTES_PER_LINE = 32;

/**
 * How many partitions an audience of about `bytes` bytes gets; 0 bytes means not known.
 *
 * A power of two, so that each partition fits in memory when its pages are cut.
 */
export function partitionsFor(bytes: number): number {
  return bytes <= 0 ? PARTITIONS_UNKNOWN : partitionsForRows(bytes / BYTES_PER_LINE);
}

export function partitionsForRows(rows: number): number {
  const wanted = Math.max(1, rows / ROWS_PER_PARTITION);
  return Math.min(PARTITIONS_MAX, 2 ** Math.ceil(Math.log2(wanted)));
}

/** The one partition of a member, so that two lines with it meet there. */
export function partitionOf(member: string, partitions: number): number {
  return hash32(member) & (partitions - 1);
}

/** Recipients on their way to the heap, grouped by partition, in order of arrival. */
export class SpillBuffer {
  readonly #partitions: number;
  #groups = new Map<number, Recipient[]>();
  #rows = 0;

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  get rows(): number {
    return this.#rows;
  }

  add(recipient: Recipient): void {
    const partition = partitionOf(recipient.member, this.#partitions);
    const group = this.#groups.get(partition);
    if (group === undefined) this.#groups.set(partition, [recipient]);
    else group.push(recipient);
    this.#rows += 1;
  }

  /** Everything added since the last call. */
  take(): SpillChunk[] {
    const chunks = [...this.#groups].map(([partition, recipients]) => ({ partition, recipients }));
    this.#groups = new Map();
    this.#rows = 0;
    return chunks;
  }
}
