import { RuntimeError } from "../../core/errors.ts";
import type { ConsumerPlace, OutboxStore, Upload } from "../ports/outbox.ts";
import type { Synchronous } from "../synchronous.ts";

export function memoryOutbox(): Synchronous<OutboxStore> {
  let uploads: Upload[] = [];
  let head = 0;
  const consumers = new Map<string, number>();

  const placeOf = (consumer: string): ConsumerPlace => {
    const acked = consumers.get(consumer)!;
    return { consumer, acked, behind: uploads.filter(({ offset }) => offset > acked).length };
  };
  const ackedByAll = (): number => (consumers.size === 0 ? 0 : Math.min(...consumers.values()));

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
      uploads = left;
      head = last;
      return appended;
    },

    read({ after, limit, kinds }) {
      const wanted = ({ offset, kind }: Upload): boolean =>
        offset > after && (kinds === undefined || kinds.includes(kind));
      return uploads
        .filter(wanted)
        .slice(0, limit)
        .map((upload) => ({ ...upload }));
    },

    place(consumer) {
      if (!consumers.has(consumer)) consumers.set(consumer, 0);
      return placeOf(consumer);
    },

    ack(consumer, upTo) {
      consumers.set(consumer, Math.max(consumers.get(consumer) ?? 0, Math.min(upTo, head)));
      return placeOf(consumer);
    },

    consumers: () => [...consumers.keys()].sort().map(placeOf),
    forget: (consumer) => consumers.delete(consumer),

    prune(before, limit) {
      const old = uploads.filter(({ at }) => at < before).slice(0, limit);
      const gone = new Set(old.map(({ offset }) => offset));
      uploads = uploads.filter(({ offset }) => !gone.has(offset));
      return old.length;
    },
  };
}
