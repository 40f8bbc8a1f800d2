import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { Audience, LineError, Recipient } from "./messages.ts";
import { groupRows, partitionsForRows } from "./partitions.ts";
import { isRecipient, readListed } from "./recipients.ts";
import { type AskBlocked, discard, sealAudience, writeSpill } from "./store.ts";

/** Recipients that one list may have. */
export const LIST_MAX = 100_000;
/** Recipients checked at a time; in between the store is asked and the event loop gets its turn. */
const STEP = 5_000;

interface ListOptions {
  readonly audience: Audience;
  readonly recipients: readonly Recipient[];
  readonly at: number;
  readonly signal: AbortSignal;
  readonly blocked?: AskBlocked | undefined;
}

/** Makes an audience of a list. A recipient that breaks a rule is left out, as a line would be. */
export async function storeList(audiences: AudienceStore, options: ListOptions): Promise<Audience> {
  const partitions = partitionsForRows(options.recipients.length);
  const record: Audience = { ...options.audience, partitions };
  const used = new Set<number>();
  await audiences.create(record);
  try {
    const filled = await fill(audiences, record, used, options);
    const { at, signal, blocked } = options;
    const inOrder = [...used].sort((a, b) => a - b);
    return await sealAudience(audiences, { record: filled, used: inOrder, at, signal, blocked });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    await discard(audiences, { record, used: [...used], why, at: options.at });
    throw error;
  }
}

/** Writes the recipients to the heap; returns the record with what was counted. */
async function fill(
  audiences: AudienceStore,
  empty: Audience,
  used: Set<number>,
  { recipients, signal }: ListOptions,
): Promise<Audience> {
  let record = empty;
  for (let start = 0; start < recipients.length; start += STEP) {
    signal.throwIfAborted();
    const rows: Recipient[] = [];
    const errors: LineError[] = [];
    for (const [index, listed] of recipients.slice(start, start + STEP).entries()) {
      const read = readListed(start + index + 1, listed);
      if (isRecipient(read)) rows.push(read);
      else errors.push(read);
    }
    const chunks = groupRows(rows, record.partitions);
    for (const { partition } of chunks) used.add(partition);
    const lines = Math.min(start + STEP, recipients.length);
    record = { ...record, lines, invalid: record.invalid + errors.length };
    await writeSpill(audiences, { chunks, errors }, record);
  }
  return record;
}
