import { sha256 } from "../../core/hash.ts";
import type { AudienceStore, SpillChunk } from "../../persistence/ports/audience.ts";
import type { Audience, LineError } from "./messages.ts";
import { cutPages } from "./pages.ts";

/** Recipients per page. */
export const PAGE_SIZE = 1_000;

/** One step of a collection on its way to the store. */
export interface Spill {
  readonly chunks: readonly SpillChunk[];
  readonly errors: readonly LineError[];
}

export function newAudience(id: string, name: string, createdAt: number): Audience {
  return {
    id,
    name,
    state: "importing",
    failure: "",
    createdAt,
    size: 0,
    pages: 0,
    pageSize: PAGE_SIZE,
    partitions: 0,
    lines: 0,
    duplicates: 0,
    invalid: 0,
    hash: "",
  };
}

/** Writes a step and the record that goes with it. */
export async function writeSpill(
  audiences: AudienceStore,
  { chunks, errors }: Spill,
  record: Audience,
): Promise<void> {
  await Promise.all([
    chunks.length > 0 ? audiences.spill(record.id, chunks) : undefined,
    errors.length > 0 ? audiences.addErrors(record.id, errors) : undefined,
    audiences.update(record),
  ]);
}

/**
 * Cuts the pages of every partition, and makes the audience ready.
 *
 * One partition is in memory while the next one is read; the hash covers each page's recipients
 * as JSON text and a line break, in page order.
 */
export async function sealAudience(
  audiences: AudienceStore,
  options: {
    readonly record: Audience;
    readonly used: readonly number[];
    readonly signal: AbortSignal;
  },
): Promise<Audience> {
  const { record, used, signal } = options;
  const { id, pageSize } = record;
  const hash = sha256();
  let size = 0;
  let pageCount = 0;
  let duplicates = 0;
  let reading = readPartition(audiences, id, used[0]);
  for (const [index, partition] of used.entries()) {
    signal.throwIfAborted();
    const arrived = await reading;
    reading = readPartition(audiences, id, used[index + 1]);
    const cut = cutPages(partition, arrived, pageSize);
    size += cut.size;
    pageCount += cut.pages.length;
    duplicates += cut.duplicates;
    for (const page of cut.pages) hash.add(`${JSON.stringify(page.recipients)}\n`);
    await audiences.seal(id, partition, cut.pages);
  }
  const sealed = { size, pages: pageCount, duplicates, hash: hash.end() };
  const ready: Audience = { ...record, state: "ready", ...sealed };
  await audiences.update(ready);
  return ready;
}

/** Marks an audience as failed and drops its heap. */
export async function discard(
  audiences: AudienceStore,
  options: { readonly record: Audience; readonly used: readonly number[]; readonly why: string },
): Promise<void> {
  const { record, used, why } = options;
  await Promise.all(used.map((partition) => audiences.seal(record.id, partition, [])));
  await audiences.update({ ...record, state: "failed", failure: why });
}

async function readPartition(
  audiences: AudienceStore,
  id: string,
  partition: number | undefined,
): Promise<Awaited<ReturnType<AudienceStore["readSpill"]>>> {
  return partition === undefined ? [] : audiences.readSpill(id, partition);
}
