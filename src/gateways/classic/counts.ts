import type { Counter, Metrics } from "../../core/metrics.ts";

/** Why something of, or for, a classic device went nowhere; none of it is silent. */
export type Drop =
  /** Its bytes are no message: a length or a check does not hold. */
  | "malformed"
  | "too-large"
  | "rate"
  /** To a number that nobody has, or a phone that is not logged in. */
  | "destination"
  /** The session cannot take more. */
  | "busy"
  /** What the message of the device came to; the rest is in the routes' own figures. */
  | "refused"
  /** For the device, and nothing that the old protocol has words for. */
  | "no-words"
  /** The device it is about has no number. */
  | "no-number"
  /** The device is behind, or gone. */
  | "unsent"
  | "sequence"
  | "no-session"
  | "send-failed";

/** The figures of the classic gateways. */
export class ClassicCounts {
  readonly dropped = new Map<Drop, number>();
  readonly #metrics: Metrics;
  readonly #counters = new Map<string, Counter>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  drop(reason: Drop): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
    this.#add("dropped", "What classic devices sent or were to get, and why it went nowhere", {
      reason,
    });
  }

  messageIn(): void {
    this.#add("messages_in", "Messages of classic devices", {});
  }

  messageOut(): void {
    this.#add("messages_out", "Messages written to classic devices", {});
  }

  login(outcome: string): void {
    this.#add("logins", "Log-ins of classic devices, by what they were told", { outcome });
  }

  closed(reason: string): void {
    this.#add("closes", "Classic connections ended, by reason", { reason });
  }

  #add(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    const key = `${name} ${Object.values(labels)[0]}`;
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = this.#metrics.counter(`herald_classic_${name}_total`, help, labels);
      this.#counters.set(key, counter);
    }
    counter.add();
  }
}
