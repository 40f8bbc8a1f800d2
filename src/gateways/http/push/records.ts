import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";

/** A task of collecting members, as old callers know it. */
export interface Constraint {
  readonly disabled: boolean;
  readonly qps: number;
  readonly target_total: number;
  readonly worker_total: number;
  readonly condition_kind: number;
  /** Members' numbers as text: they are 64 bits wide. */
  readonly mids: readonly string[];
  /** Seconds since the Unix epoch; 0: never. */
  readonly started_time: number;
  readonly ct: number;
  readonly ut: number;
  /** Our audience; empty until it has been collected. */
  readonly audience: string;
}

/** A task of pushing to a constraint's members. */
export interface Project {
  readonly cid: number;
  readonly msg: unknown;
  readonly disabled: boolean;
  readonly qps: number;
  readonly target_total: number;
  readonly worker_total: number;
  readonly started_time: number;
  readonly ct: number;
  readonly ut: number;
  /** Our campaign; empty until the first start. */
  readonly campaign: string;
}

export interface Kinds {
  readonly constraint: Constraint;
  readonly project: Project;
}

/** A record with its number and version. */
export interface Kept<T> {
  readonly id: number;
  readonly version: number;
  readonly value: T;
}

/** The records of one kind, by the numbers that old callers know. */
export class Records<Kind extends keyof Kinds> {
  readonly #kind: Kind;
  readonly #api: Api;

  constructor(kind: Kind, api: Api) {
    this.#kind = kind;
    this.#api = api;
  }

  /** Now, in seconds since the Unix epoch. */
  get seconds(): number {
    return Math.floor(this.#api.clock.now() / 1000);
  }

  async add(value: Kinds[Kind]): Promise<Kept<Kinds[Kind]>> {
    const body = JSON.stringify(value);
    const id = await this.#ask({ type: "add-record", kind: this.#kind, body });
    return { id, version: 1, value };
  }

  /** @throws RuntimeError `numbered.unknown`. */
  async read(id: number): Promise<Kept<Kinds[Kind]>> {
    const found = await this.#ask({ type: "read-record", kind: this.#kind, id });
    if (found !== undefined) return keptOf(found);
    throw new RuntimeError("numbered.unknown", `there is no ${this.#kind} ${id}`);
  }

  /** @throws RuntimeError `store.conflict` when somebody else has changed it meanwhile. */
  async replace(
    { id, version }: Kept<Kinds[Kind]>,
    value: Kinds[Kind],
  ): Promise<Kept<Kinds[Kind]>> {
    const next = { ...value, ut: this.seconds };
    const record = { id, version, body: JSON.stringify(next) };
    const isDone = await this.#ask({ type: "replace-record", kind: this.#kind, record });
    if (isDone) return { id, version: version + 1, value: next };
    const message = `somebody else has changed ${this.#kind} ${id} meanwhile`;
    throw new RuntimeError("store.conflict", message);
  }

  async list(request: { readonly offset: number; readonly limit: number }) {
    const found = await this.#ask({ type: "list-records", kind: this.#kind, request });
    return { items: found.items.map((it) => keptOf<Kinds[Kind]>(it)), total: found.total };
  }

  /** All of them, the newest first, a few at a time. */
  async *all(): AsyncGenerator<Kept<Kinds[Kind]>> {
    for (let offset = 0; ; offset += LISTED) {
      const { items, total } = await this.list({ offset, limit: LISTED });
      yield* items;
      if (offset + LISTED >= total) return;
    }
  }

  get #ask() {
    const { ask, actors } = this.#api;
    return ((request: never) => ask(actors.numbered, request)) as unknown as Ask;
  }
}

type Ask = <Type extends "add-record" | "read-record" | "replace-record" | "list-records">(
  request: { readonly type: Type } & Record<string, unknown>,
) => Promise<Answers[Type]>;

interface Row {
  readonly id: number;
  readonly version: number;
  readonly body: string;
}

interface Answers {
  "add-record": number;
  "read-record": Row | undefined;
  "replace-record": boolean;
  "list-records": { readonly items: readonly Row[]; readonly total: number };
}

const LISTED = 100;

function keptOf<T>({ id, version, body }: Row): Kept<T> {
  return { id, version, value: JSON.parse(body) as T };
}
