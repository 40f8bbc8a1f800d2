import type { RequestStore, StoredResponse } from "../ports/requests.ts";
import type { Synchronous } from "../synchronous.ts";

interface Entry {
  readonly fingerprint: string;
  readonly owner: string;
  readonly at: number;
  readonly response: StoredResponse | undefined;
}

export function memoryRequests(): Synchronous<RequestStore> {
  const entries = new Map<string, Entry>();
  return {
    begin({ key, fingerprint, owner, at }) {
      const found = entries.get(key);
      if (found !== undefined && found.fingerprint !== fingerprint) return { type: "mismatch" };
      if (found?.response) return { type: "done", response: { ...found.response } };
      if (found?.owner === owner) return { type: "running" };
      entries.set(key, { fingerprint, owner, at, response: undefined });
      return { type: "fresh" };
    },
    finish(key, response) {
      const found = entries.get(key);
      if (found !== undefined) entries.set(key, { ...found, response: { ...response } });
    },
    abandon(key) {
      if (entries.get(key)?.response === undefined) entries.delete(key);
    },
    purge(before) {
      const old = [...entries].filter(([, entry]) => entry.at < before);
      for (const [key] of old) entries.delete(key);
      return old.length;
    },
  };
}
