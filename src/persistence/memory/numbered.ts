import type { NumberedRecord, NumberedStore } from "../ports/numbered.ts";
import type { Synchronous } from "../synchronous.ts";

const FIRST_ID = 100_000;

export function memoryNumbered(): Synchronous<NumberedStore> {
  const kinds = new Map<string, Map<number, NumberedRecord>>();
  const of = (kind: string): Map<number, NumberedRecord> => {
    const known = kinds.get(kind) ?? new Map<number, NumberedRecord>();
    kinds.set(kind, known);
    return known;
  };
  return {
    add(kind, body) {
      const records = of(kind);
      const id = Math.max(FIRST_ID - 1, ...records.keys()) + 1;
      records.set(id, { id, version: 1, body });
      return id;
    },
    read: (kind, id) => of(kind).get(id),
    replace(kind, { id, version, body }) {
      const record = of(kind).get(id);
      if (record === undefined || record.version !== version) return false;
      of(kind).set(id, { id, version: version + 1, body });
      return true;
    },
    list(kind, { offset, limit }) {
      const all = [...of(kind).values()].sort((a, b) => b.id - a.id);
      return { items: all.slice(offset, offset + limit), total: all.length };
    },
  };
}
