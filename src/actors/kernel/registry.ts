import { RuntimeError } from "../../core/errors.ts";
import type { ActorType } from "./actor.ts";
import type { Cell } from "./cell.ts";

/** How actors of a kind come to be when they are first needed. */
export interface EntityFactory {
  readonly under: Cell;
  readonly type: ActorType<unknown, unknown>;
  readonly state: (id: string) => unknown;
}

/** The living actors by kind and id, and the factories of those that are made on demand. */
export class Registry {
  readonly #kinds = new Map<string, Map<string, Cell>>();
  readonly #factories = new Map<string, EntityFactory>();
  readonly #kindSeen: (kind: string) => void;

  /** `kindSeen` is called once per kind, when its first actor comes. */
  constructor(kindSeen: (kind: string) => void) {
    this.#kindSeen = kindSeen;
  }

  find(kind: string, id: string): Cell | undefined {
    return this.#kinds.get(kind)?.get(id);
  }

  count(kind: string): number {
    return this.#kinds.get(kind)?.size ?? 0;
  }

  /** The actors of a kind in the order of their start; the map itself, so do not keep it. */
  all(kind: string): ReadonlyMap<string, Cell> {
    return this.#kinds.get(kind) ?? new Map();
  }

  /** @throws RuntimeError `actor.exists` when the kind has a living actor of that id. */
  add(kind: string, id: string, cell: Cell): void {
    let actors = this.#kinds.get(kind);
    if (actors === undefined) {
      actors = new Map();
      this.#kinds.set(kind, actors);
      this.#kindSeen(kind);
    }
    const other = actors.get(id);
    if (other !== undefined) {
      throw new RuntimeError("actor.exists", `${kind} ${id} exists already as ${other.path}`);
    }
    actors.set(id, cell);
  }

  remove(kind: string, id: string): void {
    this.#kinds.get(kind)?.delete(id);
  }

  setFactory(kind: string, factory: EntityFactory): void {
    if (this.#factories.has(kind)) throw new Error(`entities of kind ${kind} are registered twice`);
    this.#factories.set(kind, factory);
  }

  factory(kind: string): EntityFactory {
    const factory = this.#factories.get(kind);
    if (factory === undefined) throw new Error(`no entities of kind ${kind} are registered`);
    return factory;
  }
}
