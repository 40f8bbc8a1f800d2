/** What to do with a push that has just arrived. */
export type Verdict =
  /** It has not been handled: hand it over. */
  | "new"
  /** It has been handled: only say so again. */
  | "handled"
  /** It is being handled, or waits to be: nothing to do. */
  | "open";

/** What of it outlives the page or process. */
export interface SavedOffsets {
  readonly received: number;
  /** Offsets up to `received` that have not been handled. */
  readonly open: readonly number[];
}

/**
 * Which pushes of this user the device has handled, in a few numbers.
 *
 * Everything up to the highest offset received is handled, except the offsets in `open`. That is
 * enough because a connection delivers offsets in ascending order.
 */
export class Offsets {
  #received = -1;
  readonly #open = new Map<number, "waiting" | "failed">();
  #failed = 0;
  /** Failed before this connection and not repeated on it so far; ascending. */
  #stale: number[] = [];

  constructor(saved: SavedOffsets = { received: -1, open: [] }) {
    this.#received = saved.received;
    for (const offset of saved.open) this.#open.set(offset, "failed");
    this.#failed = this.#open.size;
  }

  /** The highest offset received; -1 before the first. */
  get received(): number {
    return this.#received;
  }

  /** Pushes received and not handled, failed ones included. */
  get unhandled(): number {
    return this.#open.size;
  }

  /** Those of them that are being handled or wait for it. */
  get waiting(): number {
    return this.#open.size - this.#failed;
  }

  /** The highest offset up to which everything is handled; undefined when there is none. */
  get handledUpTo(): number | undefined {
    let upTo = this.#received;
    for (const offset of this.#open.keys()) upTo = Math.min(upTo, offset - 1);
    return upTo < 0 ? undefined : upTo;
  }

  save(): SavedOffsets {
    return { received: this.#received, open: [...this.#open.keys()] };
  }

  /** Says that a connection begins, on which the server repeats what it still keeps. */
  connected(): void {
    const failed = [...this.#open].filter(([, state]) => state === "failed");
    this.#stale = failed.map(([offset]) => offset).sort((a, b) => a - b);
  }

  /** What `receive` would say, without receiving. */
  judge(offset: number): Verdict {
    const state = this.#open.get(offset);
    if (state === "waiting") return "open";
    return state === undefined && offset <= this.#received ? "handled" : "new";
  }

  /** Whether it has been received, and handling it failed. */
  hasFailed(offset: number): boolean {
    return this.#open.get(offset) === "failed";
  }

  /** Takes note of a push that arrived. */
  receive(offset: number): Verdict {
    this.#forgetBefore(offset);
    const verdict = this.judge(offset);
    if (verdict !== "new") return verdict;
    if (this.hasFailed(offset)) this.#failed -= 1;
    this.#open.set(offset, "waiting");
    this.#received = Math.max(this.#received, offset);
    return verdict;
  }

  /** The push has been handled, whatever was said of it before. */
  handled(offset: number): void {
    if (this.hasFailed(offset)) this.#failed -= 1;
    this.#open.delete(offset);
  }

  /** Handling it failed: when it is repeated, it counts as new. */
  failed(offset: number): void {
    if (this.#open.get(offset) !== "waiting") return;
    this.#open.set(offset, "failed");
    this.#failed += 1;
  }

  /** What failed before, and was left out when the server repeated, is settled or expired. */
  #forgetBefore(offset: number): void {
    let passed = 0;
    for (const stale of this.#stale) {
      if (stale > offset) break;
      passed += 1;
      if (stale < offset && this.hasFailed(stale)) this.handled(stale);
    }
    if (passed > 0) this.#stale.splice(0, passed);
  }
}
