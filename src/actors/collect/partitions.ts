import { partitionOf } from "../../core/hash.ts";
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

/** Groups recipients by partition, so that two lines with one member meet; in arrival order. */
export function groupRows(rows: readonly Recipient[], partitions: number): SpillChunk[] {
  const groups = new Map<number, Recipient[]>();
  for (const recipient of rows) {
    const partition = partitionOf(recipient.member, partitions);
    const group = groups.get(partition);
    if (group === undefined) groups.set(partition, [recipient]);
    else group.push(recipient);
  }
  return [...groups].map(([partition, recipients]) => ({ partition, recipients }));
}
