import { secretKey, signRequest } from "../../core/signature.ts";

/** Receipts told in one request. */
const TOLD_MAX = 1_000;
const AGAIN_MS = 50;

interface Told {
  readonly message: string;
  readonly status: "accepted" | "delivered";
}

/**
 * Tells a node what became of messages, as badly as a provider may: each thing twice, shuffled,
 * late, and again whenever the node was not there to take it.
 */
export class ReceiptTeller {
  readonly #where: () => { readonly url: string; readonly secret: string } | undefined;
  #queue: Told[] = [];
  #timer: NodeJS.Timeout | undefined;
  #requests = 0;

  constructor(where: () => { readonly url: string; readonly secret: string } | undefined) {
    this.#where = where;
  }

  add(ids: readonly string[]): void {
    for (const message of ids) {
      this.#queue.push({ message, status: "accepted" }, { message, status: "delivered" });
      this.#queue.push({ message, status: "delivered" });
    }
    this.#timer ??= setTimeout(() => void this.#tell(), AGAIN_MS);
  }

  async #tell(): Promise<void> {
    this.#timer = undefined;
    shuffle(this.#queue);
    const told = this.#queue.slice(0, TOLD_MAX);
    const isTaken = await this.#post(told);
    const taken = new Set(isTaken ? told : []);
    this.#queue = this.#queue.filter((it) => !taken.has(it));
    if (this.#queue.length > 0) this.#timer = setTimeout(() => void this.#tell(), AGAIN_MS);
  }

  async #post(told: readonly Told[]): Promise<boolean> {
    const where = this.#where();
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

function shuffle(list: Told[]): void {
  for (let end = list.length - 1; end > 0; end -= 1) {
    const at = Math.floor(Math.random() * (end + 1));
    [list[end], list[at]] = [list[at]!, list[end]!];
  }
}
