import { sha256 } from "../../core/hash.ts";
import type { AudienceStore, Page, SpillChunk } from "../../persistence/ports/audience.ts";
import type { CollectionStore } from "../../persistence/ports/collections.ts";
import type { MemberStore } from "../../persistence/ports/members.ts";
import type { Audience, LineError, Recipient } from "./messages.ts";
import { cutPages } from "./pages.ts";

/** Recipients per page. */
export const PAGE_SIZE = 1_000;

/** One step of a collection on its way to the store. */
export interface Spill {
  readonly chunks: readonly SpillChunk[];
  readonly errors: readonly LineError[];
}

/** Who makes an audience, and when. */
export interface Maker {
  readonly by: string;
  readonly at: number;
}

/** An audience that is being fed from outside. */
export function newAudience(id: string, name: string, { by, at }: Maker): Audience {
  return {
    id,
    name,
    ...{ state: "started", by, why: "it is being imported", changedAt: at, epoch: 1 },
    createdAt: at,
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
 * Cuts the pages of every partition, and finishes the audience.
 *
 * One partition is in memory while the next one is read; the hash is that of the hashes of all
 * partitions that have somebody, in their order.
 */
export async function sealAudience(
  audiences: AudienceStore,
  options: {
    readonly record: Audience;
    readonly used: readonly number[];
    readonly at: number;
    readonly signal: AbortSignal;
    readonly blocked?: AskBlocked | undefined;
  },
): Promise<Audience> {
  const { record, used, at, signal, blocked } = options;
  const { id, pageSize } = record;
  const hash = sha256();
  let size = 0;
  let pageCount = 0;
  let duplicates = 0;
  const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
  let reading = readPartition(audiences, id, used[0]);
  for (const [index, partition] of used.entries()) {
    signal.throwIfAborted();
    const arrived = await reading;
    reading = readPartition(audiences, id, used[index + 1]);
    const cut = cutPages(partition, await allowed(arrived, blocked, excluded), pageSize);
    size += cut.size;
    pageCount += cut.pages.length;
    duplicates += cut.duplicates;
    const written = hashPages(cut.pages);
    if (cut.pages.length > 0) hash.add(written.hash);
    await audiences.seal(id, partition, written.pages);
  }
  const sealed = { size, pages: pageCount, duplicates, hash: hash.end() };
  const left = blocked === undefined ? {} : { excluded };
  const ended = { state: "finished", why: "it was imported", changedAt: at } as const;
  const finished: Audience = { ...record, ...ended, ...sealed, ...left };
  await audiences.update(finished);
  return finished;
}

/** Asks who of these members may be in no audience. */
export type AskBlocked = MemberStore["blocked"];

/** Leaves out who is blocked, and counts them. */
export async function allowed(
  arrived: readonly Recipient[],
  blocked: AskBlocked | undefined,
  counts: { optedOut: number; suppressed: number },
): Promise<readonly Recipient[]> {
  if (blocked === undefined) return arrived;
  const { optedOut, suppressed } = await blocked([...new Set(arrived.map((it) => it.member))]);
  if (optedOut.length + suppressed.length === 0) return arrived;
  counts.optedOut += optedOut.length;
  counts.suppressed += suppressed.length;
  const out = new Set([...optedOut, ...suppressed]);
  return arrived.filter(({ member }) => !out.has(member));
}

/** Marks an audience as failed and drops its heap. */
export async function discard(
  audiences: AudienceStore,
  options: {
    readonly record: Audience;
    readonly used: readonly number[];
    readonly why: string;
    readonly at: number;
  },
): Promise<void> {
  const { record, used, why, at } = options;
  await Promise.all(used.map((partition) => audiences.seal(record.id, partition, [])));
  await audiences.update({ ...record, state: "failed", by: "system", why, changedAt: at });
}

async function readPartition(
  audiences: AudienceStore,
  id: string,
  partition: number | undefined,
): Promise<Awaited<ReturnType<AudienceStore["readSpill"]>>> {
  return partition === undefined ? [] : audiences.readSpill(id, partition);
}

/** What a collection has made, of which every partition is done; the hash is that of any other. */
export async function sealCollection(
  collections: Pick<CollectionStore, "run">,
  audience: string,
): Promise<Partial<Audience>> {
  const { parts = [] } = (await collections.run(audience)) ?? {};
  const hash = sha256();
  const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
  let size = 0;
  let pages = 0;
  let duplicates = 0;
  for (const part of parts) {
    size += part.size;
    pages += part.pages;
    duplicates += part.duplicates;
    excluded.optedOut += part.excluded.optedOut;
    excluded.suppressed += part.excluded.suppressed;
    excluded.noAddress += part.excluded.noAddress;
    if (part.pages > 0) hash.add(part.hash);
  }
  return { size, pages, duplicates, lines: size, hash: hash.end(), excluded };
}

/** An audience as anybody may see it: without the values of the headers of its member API. */
export function shown(audience: Audience): Audience {
  const { source } = audience;
  if (source?.type !== "pull") return audience;
  const headers = Object.fromEntries(Object.keys(source.headers).map((name) => [name, "hidden"]));
  return { ...audience, source: { ...source, headers } };
}

/**
 * The pages of one partition with their texts, which the store needs as well, and the hash of
 * them: over each page's text and a line break.
 */
export function hashPages(pages: readonly Page[]): { pages: readonly Page[]; hash: string } {
  const hash = sha256();
  const written = pages.map((page) => ({ ...page, text: JSON.stringify(page.recipients) }));
  for (const { text } of written) hash.add(`${text}\n`);
  return { pages: written, hash: hash.end() };
}
