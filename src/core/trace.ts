/** Lines that a trace keeps for who looks later; the oldest go first. */
const LINES_MAX = 1_000;

/** One thing that happened to a session that is followed. Payloads are not in it. */
export interface TraceLine {
  /** Grows by one with each line of the trace. */
  readonly n: number;
  readonly at: number;
  readonly session: string;
  /** From the device, for the device, or about its connection. */
  readonly way: "in" | "out" | "connection";
  /** The frame, message or event, as `send`, `push`, `closed`. */
  readonly type: string;
  readonly details: string;
}

/** Everything that happens to one principal's sessions, for a while. */
export class Trace {
  #until: number;
  #count = 0;
  readonly #lines: TraceLine[] = [];
  readonly #followers = new Set<(line: TraceLine) => void>();

  constructor(until: number) {
    this.#until = until;
  }

  /** When it ends, in milliseconds since the epoch. */
  get until(): number {
    return this.#until;
  }

  /** What is kept, the oldest first. */
  get lines(): readonly TraceLine[] {
    return this.#lines;
  }

  isOver(now: number): boolean {
    return now >= this.#until;
  }

  extend(until: number): void {
    this.#until = Math.max(this.#until, until);
  }

  add(line: Omit<TraceLine, "n">): void {
    this.#count += 1;
    const numbered = { n: this.#count, ...line };
    if (this.#lines.push(numbered) > LINES_MAX) this.#lines.shift();
    for (const follow of this.#followers) follow(numbered);
  }

  event(event: { readonly type: string; readonly session?: string }, at: number): void {
    const { type, ...facts } = event;
    const { session = "" } = facts;
    this.add({ at, session, way: "connection", type, details: JSON.stringify(facts) });
  }

  /** Calls with each line from now on; returns how to stop. Must not throw. */
  follow(call: (line: TraceLine) => void): () => void {
    this.#followers.add(call);
    return () => void this.#followers.delete(call);
  }
}
