import { RuntimeError } from "../../core/errors.ts";
import {
  CONSUMERS_MAX,
  type ConsumerPlace,
  type NewUpload,
  type OutboxAppended,
  type OutboxStore,
  ROOM_MAX,
  refuseBeyond,
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
      refuseBeyond(memory.head, { upTo });
      consumers.set(consumer, Math.max(meet(memory, consumer), upTo));
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
  const appended: OutboxAppended[] = [];
  for (const upload of added) {
    const { principal, key } = upload;
    const known = memory.uploads.find((it) => it.principal === principal && it.key === key);
    if (known !== undefined) {
      appended.push({ offset: known.offset, fresh: false });
      continue;
    }
    const { length } = memory.uploads;
    if (length >= max) makeRoom(memory, added.length - appended.length + length - max);
    if (memory.uploads.length >= max) break;
    memory.head += 1;
    memory.uploads.push({ ...upload, offset: memory.head });
    appended.push({ offset: memory.head, fresh: true });
  }
  return appended;
}

function makeRoom(memory: Memory, missing: number): void {
  const acked = ackedByAll(memory);
  const free = memory.uploads.filter(({ offset }) => offset <= acked).slice(0, missing + ROOM_MAX);
  memory.uploads = memory.uploads.slice(free.length);
  memory.freed += free.length;
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
  if (after !== undefined) refuseBeyond(memory.head, { after });
  const acked = meet(memory, consumer);
  const from = after ?? acked;
  const { head } = memory;
  const found = read(memory, { after: from, limit, ...(kinds === undefined ? {} : { kinds }) });
  let characters = 0;
  const tooLong = found.findIndex(({ payload }, index) => {
    characters += payload.length;
    return index > 0 && characters > charactersMax;
  });
  const given = tooLong < 0 ? found : found.slice(0, tooLong);
  const isAll = tooLong < 0 && found.length < limit;
  const upTo = isAll ? head : given.at(-1)!.offset;
  const first = memory.uploads[0]?.offset ?? head + 1;
  return { uploads: given, upTo, missed: Math.max(0, first - 1 - from) };
}

function prune(memory: Memory, before: number, limit: number): number {
  const oldest = memory.uploads.slice(0, limit);
  const young = oldest.findIndex(({ at }) => at >= before);
  const old = young < 0 ? oldest : oldest.slice(0, young);
  memory.uploads = memory.uploads.slice(old.length);
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
