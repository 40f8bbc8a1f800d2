import { RuntimeError } from "../../core/errors.ts";
import type { Audience } from "../ports/audience.ts";
import type { CollectionPart, CollectionPlan, CollectionStore } from "../ports/collections.ts";
import type { Synchronous } from "../synchronous.ts";
import type { MemoryAudiences } from "./audience.ts";
import { copyOf } from "./rows.ts";

interface Entry {
  readonly plan: CollectionPlan;
  readonly parts: Map<number, CollectionPart>;
}

export function memoryCollections(audiences: MemoryAudiences): Synchronous<CollectionStore> {
  const entries = new Map<string, Entry>();
  return {
    begin(audience, plan) {
      audiences.create(audience);
      entries.set(audience.id, { plan: copyOf(plan), parts: new Map() });
    },
    open: () =>
      [...entries].map(([id, { plan }]) => ({
        audience: audiences.read(id) as Audience,
        plan: copyOf(plan),
      })),
    addPart(audience, part, pages) {
      const entry = entries.get(audience);
      if (entry === undefined) return false;
      if (!entry.parts.has(part.partition)) {
        entry.parts.set(part.partition, copyOf(part));
        audiences.seal(audience, part.partition, pages);
      }
      return true;
    },
    parts(audience) {
      const parts = [...(entries.get(audience)?.parts.values() ?? [])];
      return parts.sort((a, b) => a.partition - b.partition).map(copyOf);
    },
    end(audience) {
      if (audiences.read(audience.id) === undefined) {
        throw new RuntimeError("audience.unknown", `there is no audience ${audience.id}`);
      }
      if (entries.delete(audience.id)) audiences.update(audience);
    },
  };
}
