/** How many connections somebody has: an address or a user. One object for all of them. */
export interface Use {
  readonly key: string;
  count: number;
}

/** Connections per address or per user, each kept only while there is one. */
export class UseCounts {
  readonly max: number;
  readonly #uses = new Map<string, Use>();

  constructor(max: number) {
    this.max = max;
  }

  /** Counts one more; undefined if there are as many as may be. */
  take(key: string): Use | undefined {
    let use = this.#uses.get(key);
    if (use === undefined) {
      use = { key, count: 0 };
      this.#uses.set(key, use);
    }
    if (use.count >= this.max) return undefined;
    use.count += 1;
    return use;
  }

  release(use: Use): void {
    use.count -= 1;
    if (use.count === 0) this.#uses.delete(use.key);
  }
}
