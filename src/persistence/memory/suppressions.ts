import type { Suppression, SuppressionStore } from "../ports/suppressions.ts";
import type { Synchronous } from "../synchronous.ts";
import { newestFirst } from "./rows.ts";

interface Entry extends Suppression {
  readonly isLifted: boolean;
}

export function memorySuppressions(): Synchronous<SuppressionStore> {
  /** Lifted ones keep their place, so that cursors stay right. */
  const entries: Entry[] = [];
  const places = new Map<string, number>();
  const keyOf = (kind: string, value: string): string => `${kind}:${value}`;

  return {
    suppress(added) {
      const fresh = added.filter(({ kind, value }) => {
        const key = keyOf(kind, value);
        const isThere = places.has(key);
        if (!isThere) places.set(key, -1);
        return !isThere;
      });
      for (const it of fresh) {
        places.set(keyOf(it.kind, it.value), entries.push({ ...it, isLifted: false }) - 1);
      }
      return fresh.length;
    },
    unsuppress(kind, value) {
      const place = places.get(keyOf(kind, value));
      if (place === undefined) return false;
      places.delete(keyOf(kind, value));
      entries[place] = { ...entries[place]!, isLifted: true };
      return true;
    },
    read(kind, value) {
      const place = places.get(keyOf(kind, value));
      return place === undefined ? undefined : shown(entries[place]!);
    },
    list(request) {
      const { items, next } = newestFirst(entries, request, ({ isLifted }) => !isLifted);
      return { items: items.map(shown), next };
    },
  };
}

function shown({ isLifted: _, ...entry }: Entry): Suppression {
  return { ...entry };
}
