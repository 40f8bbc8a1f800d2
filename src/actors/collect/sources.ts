import { partitionOf } from "../../core/hash.ts";
import { MEMBER_BUCKETS, type Scalar } from "../../core/member-rules.ts";
import type { AudienceSource, AudienceStore } from "../../persistence/ports/audience.ts";
import type { CollectionPlan } from "../../persistence/ports/collections.ts";
import type { Exclusions, MemberStore, ScannedMember } from "../../persistence/ports/members.ts";
import type { Recipient } from "./messages.ts";
import { compare } from "./recipients.ts";

/** Members asked for at a time: a few milliseconds of the store's time, and of ours. */
const SCAN_LIMIT = 2_000;

export interface SourceDeps {
  readonly audiences: Pick<AudienceStore, "read" | "page">;
  readonly members: Pick<MemberStore, "scan" | "blocked">;
}

/** Who belongs to one partition, in no particular order, and who was left out. */
export interface Collected {
  readonly recipients: readonly Recipient[];
  readonly excluded: Exclusions;
}

/** Everybody of a plan's partition: what fits into memory, as its pages are cut from it. */
export function collectPartition(
  plan: CollectionPlan,
  partition: number,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<Collected> {
  const { source } = plan;
  return source.type === "condition"
    ? scanPartition({ ...plan, source }, partition, deps, signal)
    : combinePartition({ ...plan, source }, partition, deps, signal);
}

type ConditionSource = Extract<AudienceSource, { type: "condition" }>;
type SetSource = Exclude<AudienceSource, ConditionSource>;

async function scanPartition(
  { source, partitions, now }: CollectionPlan & { readonly source: ConditionSource },
  partition: number,
  { members }: SourceDeps,
  signal: AbortSignal,
): Promise<Collected> {
  const { condition, address, variables } = source;
  const query = { condition, now, address };
  const recipients: Recipient[] = [];
  const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
  const recipientOf = recipientReader(variables === undefined ? undefined : new Set(variables));
  for (let bucket = partition; bucket < MEMBER_BUCKETS; bucket += partitions) {
    let after: string | undefined;
    do {
      signal.throwIfAborted();
      const scan = await members.scan(query, { bucket, after, limit: SCAN_LIMIT });
      for (const member of scan.members) recipients.push(recipientOf(member));
      excluded.optedOut += scan.excluded.optedOut;
      excluded.suppressed += scan.excluded.suppressed;
      excluded.noAddress += scan.excluded.noAddress;
      after = scan.next;
    } while (after !== undefined);
  }
  return { recipients, excluded };
}

/**
 * Attributes become variables, sorted by name so that equal members make equal pages.
 *
 * Neighbors mostly have attributes of the same names: these are sorted once for all of them.
 */
function recipientReader(
  wanted: ReadonlySet<string> | undefined,
): (member: ScannedMember) => Recipient {
  let seen: readonly string[] = [];
  let sorted: readonly string[] = [];
  return ({ id, attributes, locale, timeZone }) => {
    const values: Record<string, Scalar> = { ...attributes };
    if (locale !== undefined) values["locale"] = locale;
    if (timeZone !== undefined) values["timeZone"] = timeZone;
    const names = Object.keys(values);
    if (!isSame(names, seen)) {
      seen = names;
      sorted = names.filter((name) => wanted?.has(name) ?? true).sort(compare);
    }
    if (sorted.length === 0) return { member: id };
    const vars: Record<string, string> = {};
    for (const name of sorted) vars[name] = String(values[name]);
    return { member: id, vars };
  };
}

function isSame(names: readonly string[], others: readonly string[]): boolean {
  return names.length === others.length && names.every((name, index) => name === others[index]);
}

/**
 * One partition of a union, intersection or difference of frozen audiences. Whoever is in several
 * has the variables of the first.
 */
async function combinePartition(
  { source, partitions }: CollectionPlan & { readonly source: SetSource },
  partition: number,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<Collected> {
  let found = new Map<string, Recipient>();
  for (const [index, audience] of source.audiences.entries()) {
    const operand = new Map<string, Recipient>();
    for await (const recipient of partOf(audience, { partition, partitions }, deps)) {
      operand.set(recipient.member, recipient);
    }
    signal.throwIfAborted();
    found = index === 0 ? operand : combined(source.type, found, operand);
  }
  const { optedOut, suppressed } = await deps.members.blocked([...found.keys()]);
  for (const id of [...optedOut, ...suppressed]) found.delete(id);
  const excluded = { optedOut: optedOut.length, suppressed: suppressed.length, noAddress: 0 };
  return { recipients: [...found.values()], excluded };
}

function combined(
  type: SetSource["type"],
  found: Map<string, Recipient>,
  operand: ReadonlyMap<string, Recipient>,
): Map<string, Recipient> {
  switch (type) {
    case "union":
      for (const [id, recipient] of operand) if (!found.has(id)) found.set(id, recipient);
      return found;
    case "intersection":
      for (const id of found.keys()) if (!operand.has(id)) found.delete(id);
      return found;
    case "difference":
      for (const id of operand.keys()) found.delete(id);
      return found;
  }
}

/**
 * What of a frozen audience is in a partition, page by page. The audience may have more
 * partitions, of which several make one, or fewer, of which others' members are left out.
 */
async function* partOf(
  audience: string,
  { partition, partitions }: { readonly partition: number; readonly partitions: number },
  { audiences }: SourceDeps,
): AsyncGenerator<Recipient> {
  const theirs = (await audiences.read(audience))?.partitions ?? 0;
  const step = Math.min(theirs, partitions);
  for (let from = partition & (step - 1); from < theirs; from += step) {
    for (let k = 0; ; k += 1) {
      const page = await audiences.page(audience, { partition: from, k });
      if (page === undefined) break;
      for (const recipient of page.recipients) {
        if (partitionOf(recipient.member, partitions) === partition) yield recipient;
      }
    }
  }
}
