import type { Counter, Histogram, Metrics } from "../../core/metrics.ts";
import type { DeadLetters } from "./dead-letters.ts";

/** Seconds that a group worked before the event loop got its turn. */
const TOKEN_SECONDS = [0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

/** What is read when somebody asks for the metrics. */
export interface Gauges {
  readonly deadLetters: DeadLetters;
  readonly tokens: () => number;
  readonly timers: () => number;
  readonly performing: () => number;
  readonly outcomesDropped: () => number;
}

/** The metrics of an actor system; written once per token, never per message. */
export class Figures {
  readonly #metrics: Metrics;
  readonly #turns: Counter;
  readonly #tokens: Counter;
  readonly #tokenSeconds: Histogram;
  readonly #restarts = new Map<string, Counter>();
  readonly #crashes = new Map<string, Counter>();

  constructor(metrics: Metrics, gauges: Gauges) {
    this.#metrics = metrics;
    this.#turns = metrics.counter("herald_actor_turns_total", "Messages handled by actors.");
    this.#tokens = metrics.counter(
      "herald_actor_tokens_total",
      "Times a group of actors got its share of the event loop.",
    );
    this.#tokenSeconds = metrics.histogram(
      "herald_actor_drain_seconds",
      "How long a group of actors worked before the event loop got its turn.",
      TOKEN_SECONDS,
    );
    this.#observe(gauges);
  }

  tokenDone(messages: number, tookMs: number): void {
    this.#turns.add(messages);
    this.#tokens.add();
    this.#tokenSeconds.observe(tookMs / 1_000);
  }

  restarted(label: string): void {
    const help = "Restarts of actors by their supervisors.";
    this.#labelled(this.#restarts, "herald_actor_restarts_total", help, label).add();
  }

  crashed(label: string): void {
    const help = "Turns and callbacks of actors that threw.";
    this.#labelled(this.#crashes, "herald_actor_crashes_total", help, label).add();
  }

  /** Has the number of actors of a kind read from `count`. */
  kindSeen(kind: string, count: () => number): void {
    this.#metrics.observe("herald_actors", "Living actors by kind.", count, { kind });
  }

  #observe({ deadLetters, tokens, timers, performing, outcomesDropped }: Gauges): void {
    const metrics = this.#metrics;
    for (const reason of Object.keys(deadLetters.counts) as (keyof typeof deadLetters.counts)[]) {
      const read = (): number => deadLetters.counts[reason];
      metrics.observe("herald_dead_letters", "Messages that reached nobody.", read, { reason });
    }
    metrics.observe("herald_actor_groups_awake", "Groups with something to do.", tokens);
    metrics.observe("herald_actor_timers", "Deadlines on the timer wheel.", timers);
    metrics.observe("herald_actor_effects", "Effects of actors on their way.", performing);
    const dropped = "Outcomes that came after the life of the actor that asked for them.";
    metrics.observe("herald_actor_outcomes_dropped", dropped, outcomesDropped);
  }

  #labelled(known: Map<string, Counter>, name: string, help: string, label: string): Counter {
    let counter = known.get(label);
    if (counter === undefined) {
      counter = this.#metrics.counter(name, help, { label });
      known.set(label, counter);
    }
    return counter;
  }
}
