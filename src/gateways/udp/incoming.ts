import { WINDOW } from "./outgoing.ts";

/**
 * Messages of the other side, in order and once: what comes early waits, what came already is
 * known by its sequence.
 */
export class Incoming {
  /** Of the next message in order. */
  next = 0;
  /** What came early, by sequence; undefined when nothing waits. */
  #early: Map<number, Uint8Array> | undefined = undefined;

  /**
   * Takes one message and gives those that are in order now to `deliver`.
   *
   * @returns false when it lies beyond the window: the packet counts as not come.
   */
  take(sequence: number, frame: Uint8Array, deliver: (frame: Uint8Array) => void): boolean {
    if (sequence >= this.next + WINDOW) return false;
    if (sequence < this.next) return true;
    if (sequence > this.next) {
      this.#early ??= new Map();
      if (!this.#early.has(sequence)) this.#early.set(sequence, frame);
      return true;
    }
    deliver(frame);
    this.next += 1;
    this.#deliverEarly(deliver);
    return true;
  }

  #deliverEarly(deliver: (frame: Uint8Array) => void): void {
    const early = this.#early;
    if (early === undefined) return;
    for (let frame = early.get(this.next); frame !== undefined; frame = early.get(this.next)) {
      early.delete(this.next);
      deliver(frame);
      this.next += 1;
    }
    if (early.size === 0) this.#early = undefined;
  }
}
