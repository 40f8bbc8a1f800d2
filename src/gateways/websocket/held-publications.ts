import type { DeviceFrame } from "../../actors/session/messages.ts";
import type { Publication } from "../../actors/topic/messages.ts";

const SUBSCRIPTION: ReadonlySet<DeviceFrame["type"]> = new Set([
  ...(["subscribed", "resubscribed", "unsubscribed"] as const),
]);

/** A publication that waits for room, and how many before it were given up for it. */
export interface Held {
  readonly publication: Publication;
  readonly lost: number;
}

/**
 * Publications that a slow connection has no room for at the moment.
 *
 * At most `max` wait, the oldest go first; of a topic that coalesces only the latest waits. What
 * is given up is counted per topic, and told with the next publication of it. So the latest of
 * each topic always waits, even if that is more than `max`: a session has few topics.
 */
export class HeldPublications {
  readonly #max: number;
  /** Those of topics that coalesce by topic, others by a number of their own; in their order. */
  readonly #waiting = new Map<string | number, Publication>();
  /** By topic: how many of it wait, and how many before those were given up. */
  readonly #counts = new Map<string, { waiting: number; lost: number }>();
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
    const counts = this.#counts.get(topic) ?? { waiting: 0, lost: 0 };
    this.#counts.set(topic, counts);
    const isLater = this.#waiting.delete(key);
    this.#waiting.set(key, publication);
    if (isLater) counts.lost += 1;
    else counts.waiting += 1;
    return isLater || (this.#waiting.size > this.#max && this.#dropOldest()) ? 1 : 0;
  }

  /** Takes the oldest one out. */
  take(): Held | undefined {
    const next = this.#waiting.entries().next().value;
    if (next === undefined) return undefined;
    const [key, publication] = next;
    this.#waiting.delete(key);
    const { waiting, lost } = this.#counts.get(publication.topic)!;
    if (waiting === 1) this.#counts.delete(publication.topic);
    else this.#counts.set(publication.topic, { waiting: waiting - 1, lost: 0 });
    return { publication, lost };
  }

  /** A frame that ends a subscription, or begins another one, overtakes what waits of it. */
  overtakenBy(frame: DeviceFrame): void {
    if (!("topic" in frame) || !SUBSCRIPTION.has(frame.type)) return;
    const { topic } = frame;
    for (const [key, publication] of this.#waiting) {
      if (publication.topic === topic) this.#waiting.delete(key);
    }
    this.#counts.delete(topic!);
  }

  /** Gives up the oldest one that is not the latest of its topic; false when all are. */
  #dropOldest(): boolean {
    for (const [key, { topic }] of this.#waiting) {
      const counts = this.#counts.get(topic)!;
      if (counts.waiting === 1) continue;
      this.#waiting.delete(key);
      counts.waiting -= 1;
      counts.lost += 1;
      return true;
    }
    return false;
  }
}
