import type { ActorType, Context } from "../../actors/kernel/actor.ts";
import type { SpawnWorker } from "../../actors/worker/messages.ts";
import type { Stores } from "../../persistence/ports/stores.ts";
import type { MasterType, Sabotage } from "../../wiring/campaigns.ts";

/** What a fault is thrown into. */
export type Part = "master" | "worker";

/** Crashes masters and workers of this process at will: the next turn of one of them throws. */
export class Faults implements Sabotage {
  /** Faults that have been thrown. */
  thrown = 0;
  masterType: MasterType | undefined;
  readonly #due: Record<Part, number> = { master: 0, worker: 0 };
  /** One for each, because the kernel keeps what it knows of a type by its identity. */
  readonly #wrapped = new WeakMap<object, object>();
  #stores: Stores | undefined;
  readonly #onThrow: () => void;

  /** `onThrow` is told of each fault as it is thrown. */
  constructor(onThrow: () => void = () => {}) {
    this.#onThrow = onThrow;
  }

  /** The next turn of any master or worker throws. */
  arm(part: Part): void {
    this.#due[part] += 1;
  }

  /** Operations that the campaigns have asked the store for. */
  get operations(): number {
    const counts = Object.entries(this.#stores?.operations() ?? {});
    return counts
      .filter(([name]) => name.startsWith("campaigns.") || name === "audiences.page")
      .reduce((sum, [, count]) => sum + count, 0);
  }

  opened(stores: Stores): void {
    this.#stores = stores;
  }

  master(type: MasterType): MasterType {
    this.masterType = this.#breakable(type, "master");
    return this.masterType;
  }

  workers(spawn: SpawnWorker): SpawnWorker {
    return (ctx, start) => spawn(this.#spying(ctx), start);
  }

  /** The same context, but what it spawns can be broken. */
  #spying<Message>(ctx: Context<Message>): Context<Message> {
    const spawn: Context<Message>["spawn"] = (type, options) =>
      ctx.spawn(this.#breakable(type, "worker"), options);
    return new Proxy(ctx, {
      get: (target, key) => {
        if (key === "spawn") return spawn;
        const value = Reflect.get(target, key, target) as unknown;
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  #breakable<State, Message>(
    type: ActorType<State, Message>,
    part: Part,
  ): ActorType<State, Message> {
    const known = this.#wrapped.get(type);
    if (known !== undefined) return known as ActorType<State, Message>;
    const wrapped: ActorType<State, Message> = {
      ...type,
      behavior: (state, message, ctx) => {
        this.#strike(part);
        return type.behavior(state, message, ctx);
      },
    };
    this.#wrapped.set(type, wrapped);
    return wrapped;
  }

  #strike(part: Part): void {
    if (this.#due[part] === 0) return;
    this.#due[part] -= 1;
    this.thrown += 1;
    this.#onThrow();
    throw new Error(`thrown into a ${part} by the verification`);
  }
}
