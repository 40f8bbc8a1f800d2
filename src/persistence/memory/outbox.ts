import { RuntimeError } from "../../core/errors.ts";
import {
  CONSUMERS_MAX,
  type ConsumerPlace,
  type OutboxStore,
  type Upload,
} from "../ports/outbox.ts";
import type { Synchronous } from "../synchronous.ts";

export function memoryOutbox(): Synchronous<OutboxStore> {
  let uploads: Upload[] = [];
  let head = 0;
  let freed = 0;
  let pruned = 0;
  const consumers = new Map<string, number>();

  const placeOf = (consumer: string): ConsumerPlace => {
    const acked = consumers.get(consumer)!;
    return { consumer, acked, behind: uploads.filter(({ offset }) => offset > acked).length };
  };
  const ackedByAll = (): number => (consumers.size === 0 ? 0 : Math.min(...consumers.values()));

  const meet = (consumer: string): number => {
    const known = consumers.get(consumer);
    if (known !== undefined) return known;
    if (consumers.size >= CONSUMERS_MAX) throw tooMany();
    consumers.set(consumer, 0);
    return 0;
  };

  const read: Synchronous<OutboxStore>["read"] = ({ after, limit, kinds }) => {
    const wanted = ({ offset, kind }: Upload): boolean =>
      offset > after && (kinds === undefined || kinds.includes(kind));
    return uploads
      .filter(wanted)
      .slice(0, limit)
      .map((upload) => ({ ...upload }));
  };

  return {
    append(added, max) {
      const kept = [...uploads];
      let last = head;
      const appended = added.map((upload) => {
        const { principal, key } = upload;
        const known = kept.find((it) => it.principal === principal && it.key === key);
        if (known !== undefined) return { offset: known.offset, fresh: false };
        last += 1;
        kept.push({ ...upload, offset: last });
        return { offset: last, fresh: true };
      });
      const acked = ackedByAll();
      const left = kept.length > max ? kept.filter(({ offset }) => offset > acked) : kept;
      if (left.length > max) {
        const message = `the outbox has ${max} uploads that no consumer has acknowledged`;
        throw new RuntimeError("outbox.full", message);
      }
      freed += kept.length - left.length;
      uploads = left;
      head = last;
      return appended;
    },

    read,

    next({ consumer, after, limit, charactersMax, kinds }) {
      const acked = meet(consumer);
      const from = after ?? acked;
      const found = read({ after: from, limit, ...(kinds === undefined ? {} : { kinds }) });
      let characters = 0;
      const tooLong = found.findIndex(({ payload }, index) => {
        characters += payload.length;
        return index > 0 && characters > charactersMax;
      });
      const given = tooLong < 0 ? found : found.slice(0, tooLong);
      const isAll = tooLong < 0 && found.length < limit;
      const upTo = isAll ? Math.max(head, from) : given.at(-1)!.offset;
      const first = uploads.find(({ offset }) => offset > from)?.offset ?? head + 1;
      return { uploads: given, upTo, missed: Math.max(0, first - 1 - from) };
    },

    place(consumer) {
      meet(consumer);
      return placeOf(consumer);
    },

    ack(consumer, upTo) {
      consumers.set(consumer, Math.max(meet(consumer), Math.min(upTo, head)));
      return placeOf(consumer);
    },

    consumers: () => [...consumers.keys()].sort().map(placeOf),
    forget: (consumer) => consumers.delete(consumer),

    prune(before, limit) {
      const old = uploads.filter(({ at }) => at < before).slice(0, limit);
      const gone = new Set(old.map(({ offset }) => offset));
      uploads = uploads.filter(({ offset }) => !gone.has(offset));
      const acked = ackedByAll();
      const lost = old.filter(({ offset }) => offset > acked).length;
      pruned += lost;
      freed += old.length - lost;
      return old.length;
    },

    ledger() {
      const acked = ackedByAll();
      const waiting = uploads.filter(({ offset }) => offset > acked).length;
      return { accepted: head, acked: freed + uploads.length - waiting, waiting, pruned };
    },
  };
}

function tooMany(): RuntimeError {
  const message = `the outbox has ${CONSUMERS_MAX} consumers; forget one that is not used`;
  return new RuntimeError("outbox.refused", message);
}
