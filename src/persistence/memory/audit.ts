import type { AuditEntry, AuditStore } from "../ports/audit.ts";
import type { Synchronous } from "../synchronous.ts";
import { newestFirst } from "./rows.ts";

export function memoryAudit(): Synchronous<AuditStore> {
  const entries: (AuditEntry & { readonly seq: number })[] = [];
  return {
    append(entry) {
      entries.push({ ...entry, seq: entries.length + 1 });
    },
    list: (request) => newestFirst(entries, request),
  };
}
