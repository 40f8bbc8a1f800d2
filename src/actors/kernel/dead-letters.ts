import type { DeadLetter, DeadLetterReason } from "./actor.ts";

/** How many dead letters are kept for inspection. */
const RECENT_MAX = 100;

const noDeadLetters: Readonly<Record<DeadLetterReason, number>> = {
  "no-actor": 0,
  stopped: 0,
  "mailbox-full": 0,
  "dropped-oldest": 0,
  "dropped-newest": 0,
  crashed: 0,
  draining: 0,
};

interface Entry {
  /** The path is asked for when somebody looks: in a flood nobody does. */
  readonly to: { readonly path: string };
  readonly reason: DeadLetterReason;
  readonly message: unknown;
}

/** The messages that reached nobody: how many for which reason, and the latest themselves. */
export class DeadLetters {
  readonly counts: Record<DeadLetterReason, number> = { ...noDeadLetters };
  readonly #recent: Entry[] = [];
  #at = 0;
  readonly #subscriber: ((letter: DeadLetter) => void) | undefined;

  constructor(subscriber: ((letter: DeadLetter) => void) | undefined) {
    this.#subscriber = subscriber;
  }

  get total(): number {
    let total = 0;
    for (const count of Object.values(this.counts)) total += count;
    return total;
  }

  add(to: { readonly path: string }, reason: DeadLetterReason, message: unknown): void {
    this.counts[reason]++;
    this.#recent[this.#at] = { to, reason, message };
    this.#at = (this.#at + 1) % RECENT_MAX;
    this.#subscriber?.({ path: to.path, reason, message });
  }

  /** The latest 100, oldest first. */
  recent(): DeadLetter[] {
    const entries = [...this.#recent.slice(this.#at), ...this.#recent.slice(0, this.#at)];
    return entries.map(({ to, reason, message }) => ({ path: to.path, reason, message }));
  }
}
