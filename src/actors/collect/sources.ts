import { MEMBER_BUCKETS, type Scalar } from "../../core/member-rules.ts";
import type { AudienceSource, AudienceStore } from "../../persistence/ports/audience.ts";
import type { CollectionPlan } from "../../persistence/ports/collections.ts";
import type { Exclusions, MemberStore, ScannedMember } from "../../persistence/ports/members.ts";
import { type Merged, mergeParts, type Placed } from "./merge.ts";
import type { Recipient } from "./messages.ts";
import { compare } from "./recipients.ts";
import { allowed } from "./store.ts";

/** Members asked for at a time: a few milliseconds of the store's time, and of ours. */
const SCAN_LIMIT = 2_000;

export interface SourceDeps {
  readonly audiences: Pick<AudienceStore, "read" | "page" | "runs" | "readSpill">;
  readonly members: Pick<MemberStore, "scan" | "blocked">;
}

/** Who belongs to one partition, in no particular order, and who was left out. */
export interface Collected {
  readonly recipients: readonly Recipient[];
  readonly excluded: Exclusions;
  /** The time zones of those whose variables do not say them. */
  readonly zones: ReadonlyMap<string, string>;
}

interface Plan extends CollectionPlan {
  /** The audience that is made. */
  readonly audience: string;
}

/** Everybody of a plan's partition: what fits into memory, as its pages are cut from it. */
export function collectPartition(
  plan: Plan,
  partition: number,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<Collected> {
  const { source } = plan;
  switch (source.type) {
    case "pull":
      return heapPartition(plan, partition, deps);
    case "condition":
      return scanPartition({ ...plan, source }, partition, deps, signal);
    case "union":
    case "intersection":
    case "difference":
      return combinePartition({ ...plan, source }, partition, deps, signal);
  }
}

type Of<Type> = Extract<AudienceSource, { readonly type: Type }>;
type ConditionSource = Of<"condition">;
type SetSource = Exclude<AudienceSource, ConditionSource | Of<"pull">>;

/** What has been pulled for a partition, in the order in which it came. */
async function heapPartition(
  { audience }: Plan,
  partition: number,
  { audiences, members }: SourceDeps,
): Promise<Collected> {
  const arrived = await audiences.readSpill(audience, partition);
  const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
  const recipients = await allowed(arrived, (ids) => members.blocked(ids), excluded);
  return { recipients, excluded, zones: new Map() };
}

async function scanPartition(
  { source, partitions, now }: Plan & { readonly source: ConditionSource },
  partition: number,
  { members }: SourceDeps,
  signal: AbortSignal,
): Promise<Collected> {
  const { condition, address, variables } = source;
  const query = { condition, now, address };
  const recipients: Recipient[] = [];
  const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
  const wanted = variables === undefined ? undefined : new Set(variables);
  const recipientOf = recipientReader(wanted);
  const zones = new Map<string, string>();
  for (let bucket = partition; bucket < MEMBER_BUCKETS; bucket += partitions) {
    let after: string | undefined;
    do {
      signal.throwIfAborted();
      const scan = await members.scan(query, { bucket, after, limit: SCAN_LIMIT });
      for (const member of scan.members) {
        recipients.push(recipientOf(member));
        if (wanted !== undefined && member.timeZone !== undefined) {
          zones.set(member.id, member.timeZone);
        }
      }
      excluded.optedOut += scan.excluded.optedOut;
      excluded.suppressed += scan.excluded.suppressed;
      excluded.noAddress += scan.excluded.noAddress;
      after = scan.next;
    } while (after !== undefined);
  }
  return { recipients, excluded, zones };
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
 * has the variables and the time zone of the first.
 *
 * Operands may have more partitions, of which several make one: they are gone through one after
 * the other, so that there is never more in memory than what is found, and a page per stream.
 */
async function combinePartition(
  { source, partitions }: Plan & { readonly source: SetSource },
  partition: number,
  { audiences, members }: SourceDeps,
  signal: AbortSignal,
): Promise<Collected> {
  const operands = await Promise.all(
    source.audiences.map(async (audience) => {
      const own = (await audiences.read(audience))?.partitions ?? 0;
      return { audience, own };
    }),
  );
  const finest = Math.max(partitions, ...operands.map(({ own }) => own));
  const found: Placed[] = [];
  for (let at = partition; at < finest; at += partitions) {
    const parts = operands.map((it) => ({ ...it, partition: at, partitions: finest }));
    for await (const merged of mergeParts(parts, audiences, signal)) {
      if (belongs(source, merged)) found.push(merged);
    }
  }
  const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
  const everybody = found.map(({ recipient }) => recipient);
  const recipients = await allowed(everybody, (ids) => members.blocked(ids), excluded);
  const zoned = found.filter(({ zone }) => zone !== "");
  const zones = new Map(zoned.map(({ recipient, zone }) => [recipient.member, zone] as const));
  return { recipients, excluded, zones };
}

function belongs({ type, audiences }: SetSource, { operands }: Merged): boolean {
  switch (type) {
    case "union":
      return true;
    case "intersection":
      return operands.length === audiences.length;
    case "difference":
      return operands.length === 1 && operands[0] === 0;
  }
}
