import { RuntimeError } from "../../core/errors.ts";
import {
  CONSUMERS_MAX,
  type ConsumerPlace,
  type NewUpload,
  type OutboxAppended,
  type OutboxStore,
  ROOM_MAX,
  type Upload,
} from "../ports/outbox.ts";
import type { Synchronous } from "../synchronous.ts";

type Port = Synchronous<OutboxStore>;

interface Memory {
  uploads: Upload[];
  head: number;
  /** Deleted after every consumer had acknowledged them, and before. */
  freed: number;
  pruned: number;
  /** What each has acknowledged. */
  readonly consumers: Map<string, number>;
}

export function memoryOutbox(): Port {
  const memory: Memory = { uploads: [], head: 0, freed: 0, pruned: 0, consumers: new Map() };
  const { consumers } = memory;
  return {
    append: (added, max) => append(memory, added, max),
    read: (request) => read(memory, request),
    next: (request) => next(memory, request),
    place(consumer) {
      meet(memory, consumer);
      return placeOf(memory, consumer);
    },
    ack(consumer, upTo) {
      const acked = Math.max(meet(memory, consumer), Math.min(upTo, memory.head));
      consumers.set(consumer, acked);
      return placeOf(memory, consumer);
    },
    consumers: () => [...consumers.keys()].sort().map((it) => placeOf(memory, it)),
    forget: (consumer) => consumers.delete(consumer),
    prune: (before, limit) => prune(memory, before, limit),
    ledger() {
      const { head, freed, uploads, pruned } = memory;
      const waiting = uploads.filter(({ offset }) => offset > ackedByAll(memory)).length;
      return { accepted: head, acked: freed + uploads.length - waiting, waiting, pruned };
    },
  };
}

function append(memory: Memory, added: readonly NewUpload[], max: number): OutboxAppended[] {
  const kept = [...memory.uploads];
  let last = memory.head;
  const appended = added.map((upload) => {
    const { principal, key } = upload;
    const known = kept.find((it) => it.principal === principal && it.key === key);
    if (known !== undefined) return { offset: known.offset, fresh: false };
    last += 1;
    kept.push({ ...upload, offset: last });
    return { offset: last, fresh: true };
  });
  const acked = ackedByAll(memory);
  const readByAll = kept.filter(({ offset }) => offset <= acked).length;
  const missing = kept.length - max;
  const left = missing > 0 ? kept.slice(Math.min(readByAll, missing + ROOM_MAX)) : kept;
  if (left.length > max) {
    const message = `the outbox has ${max} uploads that no consumer has acknowledged`;
    throw new RuntimeError("outbox.full", message);
  }
  memory.freed += kept.length - left.length;
  memory.uploads = left;
  memory.head = last;
  return appended;
}

const read = (
  { uploads }: Memory,
  { after, limit, kinds }: Parameters<Port["read"]>[0],
): Upload[] => {
  const wanted = ({ offset, kind }: Upload): boolean =>
    offset > after && (kinds === undefined || kinds.includes(kind));
  return uploads
    .filter(wanted)
    .slice(0, limit)
    .map((upload) => ({ ...upload }));
};

function next(
  memory: Memory,
  { consumer, after, limit, charactersMax, kinds }: Parameters<Port["next"]>[0],
): ReturnType<Port["next"]> {
  const acked = meet(memory, consumer);
  const from = after ?? acked;
  const found = read(memory, { after: from, limit, ...(kinds === undefined ? {} : { kinds }) });
  let characters = 0;
  const tooLong = found.findIndex(({ payload }, index) => {
    characters += payload.length;
    return index > 0 && characters > charactersMax;
  });
  const given = tooLong < 0 ? found : found.slice(0, tooLong);
  const isAll = tooLong < 0 && found.length < limit;
  const upTo = isAll ? Math.max(memory.head, from) : given.at(-1)!.offset;
  const first = memory.uploads.find(({ offset }) => offset > from)?.offset ?? memory.head + 1;
  return { uploads: given, upTo, missed: Math.max(0, first - 1 - from) };
}

function prune(memory: Memory, before: number, limit: number): number {
  const old = memory.uploads.filter(({ at }) => at < before).slice(0, limit);
  const gone = new Set(old.map(({ offset }) => offset));
  memory.uploads = memory.uploads.filter(({ offset }) => !gone.has(offset));
  const acked = ackedByAll(memory);
  const lost = old.filter(({ offset }) => offset > acked).length;
  memory.pruned += lost;
  memory.freed += old.length - lost;
  return old.length;
}

/** What a consumer has acknowledged; one that was never heard of is made. */
function meet({ consumers }: Memory, consumer: string): number {
  const known = consumers.get(consumer);
  if (known !== undefined) return known;
  if (consumers.size >= CONSUMERS_MAX) {
    const message = `the outbox has ${CONSUMERS_MAX} consumers; forget one that is not used`;
    throw new RuntimeError("outbox.refused", message);
  }
  consumers.set(consumer, 0);
  return 0;
}

function placeOf({ consumers, uploads }: Memory, consumer: string): ConsumerPlace {
  const acked = consumers.get(consumer)!;
  return { consumer, acked, behind: uploads.filter(({ offset }) => offset > acked).length };
}

function ackedByAll({ consumers }: Memory): number {
  return consumers.size === 0 ? 0 : Math.min(...consumers.values());
}
