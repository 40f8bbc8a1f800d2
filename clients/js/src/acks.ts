/** Acks that wait to be sent; beyond this the oldest are left for the server to ask again. */
const PENDING_MAX = 10_000;
/** Acks sent on this connection that nothing has shown to have arrived. */
const UNCONFIRMED_MAX = 1_024;

/**
 * Offsets to ack: those to be sent, and those that were sent and may have been lost.
 *
 * The protocol does not answer an ack, but it answers a ping, and in order: a pong shows that
 * everything sent before its ping has arrived. Forgetting an ack is harmless: the server repeats
 * the push, and it is acked again.
 */
export class AckQueue {
  #pending = new Set<number>();
  #unconfirmed: number[] = [];
  #mark: { readonly ping: number; readonly count: number } | undefined;

  /** Acks that wait to be sent. */
  get size(): number {
    return this.#pending.size;
  }

  add(offset: number): void {
    this.#pending.add(offset);
    if (this.#pending.size <= PENDING_MAX) return;
    for (const oldest of this.#pending) {
      this.#pending.delete(oldest);
      return;
    }
  }

  /** Takes the `count` acks that wait longest, to be sent. */
  take(count: number): number[] {
    const taken: number[] = [];
    for (const offset of this.#pending) {
      if (taken.length >= count) break;
      taken.push(offset);
    }
    for (const offset of taken) this.#pending.delete(offset);
    this.#unconfirmed.push(...taken);
    const excess = this.#unconfirmed.length - UNCONFIRMED_MAX;
    if (excess > 0) this.#confirm(excess);
    return taken;
  }

  /** A ping with this id was sent. */
  pinged(ping: number): void {
    if (this.#unconfirmed.length > 0) this.#mark = { ping, count: this.#unconfirmed.length };
  }

  /** The pong of this ping came: what was sent before the ping has arrived. */
  ponged(ping: number): void {
    if (this.#mark?.ping === ping) this.#confirm(this.#mark.count);
  }

  /** What was sent may have been lost: it waits again, before everything else. */
  again(): void {
    this.#pending = new Set([...this.#unconfirmed, ...this.#pending]);
    this.#unconfirmed = [];
    this.#mark = undefined;
  }

  clear(): void {
    this.#pending.clear();
    this.#unconfirmed = [];
    this.#mark = undefined;
  }

  #confirm(count: number): void {
    this.#unconfirmed.splice(0, count);
    const left = (this.#mark?.count ?? 0) - count;
    this.#mark = this.#mark && left > 0 ? { ping: this.#mark.ping, count: left } : undefined;
  }
}
