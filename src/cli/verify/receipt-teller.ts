import type { Random } from "../../core/random.ts";
import { secretKey, signRequest } from "../../core/signature.ts";
import type { SinkBehavior } from "./protocol.ts";

/** Receipts told in one request. */
const TOLD_MAX = 1_000;
/** From when a message came until it is told of, and until what was refused is told again. */
const LATER_MS = 20;

interface Told {
  readonly message: string;
  readonly status: "accepted" | "delivered";
}

/**
 * Tells a node what became of messages, as badly as a provider may: each thing again, shuffled,
 * late, and once more whenever the node was not there to take it.
 */
export class ReceiptTeller {
  /** Receipts that the node has taken. */
  told = 0;
  readonly #behavior: () => SinkBehavior;
  readonly #random: Random;
  readonly #queue: Told[] = [];
  #isTelling = false;
  #requests = 0;

  constructor(behavior: () => SinkBehavior, random: Random) {
    this.#behavior = behavior;
    this.#random = random;
  }

  /** Receipts that the node has not taken yet. */
  get untold(): number {
    return this.#queue.length;
  }

  add(ids: readonly string[]): void {
    const isTwisted = this.#behavior().areReceiptsTwisted;
    for (const message of ids) {
      this.#queue.push({ message, status: "delivered" });
      if (!isTwisted) continue;
      this.#queue.push({ message, status: "accepted" }, { message, status: "delivered" });
    }
    if (this.#isTelling) return;
    this.#isTelling = true;
    setTimeout(() => void this.#tell(), LATER_MS);
  }

  async #tell(): Promise<void> {
    if (this.#behavior().areReceiptsTwisted) this.#shuffleFirst();
    const told = this.#queue.slice(0, TOLD_MAX);
    const isTaken = await this.#post(told);
    if (isTaken) {
      this.#queue.splice(0, told.length);
      this.told += told.length;
    }
    this.#isTelling = this.#queue.length > 0;
    if (this.#isTelling) setTimeout(() => void this.#tell(), isTaken ? 0 : LATER_MS);
  }

  /** What is told next comes from anywhere in the queue. */
  #shuffleFirst(): void {
    const queue = this.#queue;
    for (let at = 0; at < Math.min(TOLD_MAX, queue.length); at += 1) {
      const other = at + Math.floor(this.#random() * (queue.length - at));
      [queue[at], queue[other]] = [queue[other]!, queue[at]!];
    }
  }

  async #post(told: readonly Told[]): Promise<boolean> {
    const where = this.#behavior().receipts;
    if (where === undefined) return true;
    this.#requests += 1;
    const body = JSON.stringify({ receipts: told });
    const id = `receipts-${process.pid}-${this.#requests}`;
    const signed = signRequest({ id, at: Date.now() }, body, [secretKey(where.secret)]);
    const headers = { "content-type": "application/json", ...signed };
    return fetch(where.url, { method: "POST", headers, body }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
  }
}
