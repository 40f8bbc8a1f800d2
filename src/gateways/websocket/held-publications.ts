import type { Publication } from "../../actors/topic/messages.ts";

/** A publication that waits for room, and how many before it were given up for it. */
export interface Held {
  readonly publication: Publication;
  readonly lost: number;
}

/**
 * Publications that a slow connection has no room for at the moment.
 *
 * At most `max` wait, the oldest go first; of a topic that coalesces only the latest waits. What
 * is given up is counted per topic, and told with the next publication of it.
 */
export class HeldPublications {
  readonly #max: number;
  /** Those of topics that coalesce by topic, others by a number of their own; in their order. */
  readonly #waiting = new Map<string | number, Publication>();
  readonly #lost = new Map<string, number>();
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Returns how many were given up for it: 0 or 1. */
  add(publication: Publication): number {
    const { topic, slow } = publication;
    const key = slow === "coalesce" ? topic : this.#next++;
    const before = this.#waiting.get(key);
    if (before !== undefined) {
      this.#waiting.delete(key);
      this.#giveUp(before);
    }
    this.#waiting.set(key, publication);
    if (this.#waiting.size <= this.#max) return before === undefined ? 0 : 1;
    const [oldest, dropped] = this.#waiting.entries().next().value!;
    this.#waiting.delete(oldest);
    this.#giveUp(dropped);
    return 1;
  }

  /** Takes the oldest one out. */
  take(): Held | undefined {
    const next = this.#waiting.entries().next().value;
    if (next === undefined) return undefined;
    const [key, publication] = next;
    this.#waiting.delete(key);
    const lost = this.#lost.get(publication.topic) ?? 0;
    this.#lost.delete(publication.topic);
    return { publication, lost };
  }

  #giveUp({ topic }: Publication): void {
    this.#lost.set(topic, (this.#lost.get(topic) ?? 0) + 1);
  }
}
