import { RuntimeError } from "../../core/errors.ts";
import { pageOf, readCursor } from "../cursor.ts";
import type {
  Audience,
  AudienceStore,
  LineError,
  Page,
  Recipient,
  TaskTransition,
} from "../ports/audience.ts";
import type { Synchronous } from "../synchronous.ts";
import { copyOf, newestFirst } from "./rows.ts";

/** Errors kept per audience. */
const ERRORS_MAX = 1_000;

interface Entry {
  audience: Audience;
  readonly heap: Map<number, Recipient[]>;
  readonly pages: Map<number, readonly Page[]>;
  readonly errors: LineError[];
  readonly log: TaskTransition[];
}

/** Audiences, and the sizes of their pages, which the campaign port needs. */
export interface MemoryAudiences extends Synchronous<AudienceStore> {
  /** The pages in page order. */
  pagesOf(audience: string): readonly Page[];
  /** Drops what has been spilled, or all content. */
  drop(audience: string, what: "heap" | "content"): void;
}

type Entries = Map<string, Entry>;

export function memoryAudiences(): MemoryAudiences {
  const entries: Entries = new Map();
  return {
    ...records(entries),
    ...contents(entries),
    ...lineErrors(entries),
    pagesOf(audience) {
      const pages = [...(entries.get(audience)?.pages ?? [])];
      return pages.sort(([a], [b]) => a - b).flatMap(([, ofPartition]) => ofPartition);
    },
    drop(audience, what) {
      const { heap, pages, errors } = find(entries, audience);
      heap.clear();
      if (what === "heap") return;
      pages.clear();
      errors.length = 0;
    },
  };
}

type RecordOperation = "create" | "read" | "list" | "update" | "log" | "failInterrupted";

function records(entries: Entries): Pick<Synchronous<AudienceStore>, RecordOperation> {
  return {
    create(audience) {
      if (entries.has(audience.id)) {
        throw new RuntimeError("store.conflict", `audience ${audience.id} exists`);
      }
      const content = { heap: new Map(), pages: new Map(), errors: [] };
      const log = [transitionOf(audience, audience.state)];
      entries.set(audience.id, { audience: copyOf(audience), ...content, log });
    },
    read(id) {
      const entry = entries.get(id);
      return entry && copyOf(entry.audience);
    },
    list: (request) =>
      newestFirst(
        [...entries.values()].map((entry) => entry.audience),
        request,
      ),
    update(audience) {
      const entry = find(entries, audience.id);
      const { state, epoch } = entry.audience;
      entry.audience = copyOf(audience);
      if (state !== audience.state || epoch !== audience.epoch) {
        entry.log.push(transitionOf(audience, state));
      }
    },
    log(id, request) {
      const [after] = readCursor(request.after, [0]);
      const log = (entries.get(id)?.log ?? []).map((it, index) => ({ it, n: index + 1 }));
      const { items, next } = pageOf(log.slice(after), request, ({ n }) => String(n));
      return { items: items.map(({ it }) => ({ ...it })), next };
    },
    failInterrupted({ why, at }) {
      const dead = [...entries.values()].filter(
        ({ audience }) => audience.state === "started" && audience.source === undefined,
      );
      for (const entry of dead) {
        const change = { state: "failed", by: "system", why, changedAt: at } as const;
        entry.audience = { ...entry.audience, ...change };
        entry.log.push(transitionOf(entry.audience, "started"));
        entry.heap.clear();
      }
      return dead.length;
    },
  };
}

type ContentOperation = "spill" | "readSpill" | "seal" | "page" | "runs";

function contents(entries: Entries): Pick<Synchronous<AudienceStore>, ContentOperation> {
  return {
    spill(id, chunks) {
      const { heap } = find(entries, id);
      for (const { partition, recipients } of chunks) {
        const kept = heap.get(partition) ?? [];
        for (const recipient of recipients) kept.push(copyOf(recipient));
        heap.set(partition, kept);
      }
    },
    readSpill: (id, partition) => copyOf(entries.get(id)?.heap.get(partition) ?? []),
    seal(id, partition, pages) {
      const entry = find(entries, id);
      if (!entry.pages.has(partition) && pages.length > 0) {
        const sorted = pages.map(({ text: _, ...page }) => copyOf({ ...page, partition }));
        entry.pages.set(
          partition,
          sorted.sort((a, b) => a.k - b.k),
        );
      }
      entry.heap.delete(partition);
    },
    page(id, { partition, k }) {
      const page = entries.get(id)?.pages.get(partition);
      return copyOf(page?.find((each) => each.k === k));
    },
    runs(id, partition) {
      const runs = new Map<string, { zone: string; first: number; pages: number }>();
      for (const { zone = "", k } of entries.get(id)?.pages.get(partition) ?? []) {
        const run = runs.get(zone) ?? { zone, first: k, pages: 0 };
        runs.set(zone, { ...run, pages: run.pages + 1 });
      }
      return [...runs.values()].sort((a, b) => a.first - b.first);
    },
  };
}

function lineErrors(entries: Entries): Pick<Synchronous<AudienceStore>, "addErrors" | "errors"> {
  return {
    addErrors(id, errors) {
      const kept = find(entries, id).errors;
      for (const error of errors.slice(0, ERRORS_MAX - kept.length)) kept.push({ ...error });
    },
    errors(id, request) {
      const [after] = readCursor(request.after, [0]);
      const kept = entries.get(id)?.errors ?? [];
      const rows = kept.map((error, index) => ({ error, n: index + 1 })).slice(after);
      const { items, next } = pageOf(rows, request, (row) => String(row.n));
      return { items: items.map((row) => ({ ...row.error })), next };
    },
  };
}

function find(entries: Entries, id: string): Entry {
  const entry = entries.get(id);
  if (entry === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${id}`);
  }
  return entry;
}

function transitionOf(audience: Audience, from: TaskTransition["from"]): TaskTransition {
  const { state, epoch, by, why, changedAt } = audience;
  return { from, to: state, epoch, by, why, at: changedAt };
}
