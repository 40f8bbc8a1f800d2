import type { Clock } from "../../core/clock.ts";

/**
 * Lets so much work be done at a time and gives way to everything else in between.
 *
 * Encrypting takes the only thread: hundreds of messages in a row would hold up every device.
 */
export class Spread {
  readonly #atOnce: number;
  readonly #clock: Pick<Clock, "after">;
  #left: number;
  #refilled: Promise<void> | undefined;

  constructor(atOnce: number, clock: Pick<Clock, "after">) {
    this.#atOnce = atOnce;
    this.#left = atOnce;
    this.#clock = clock;
  }

  /** Resolves when one more piece of work may be done; at once while there is room. */
  async turn(): Promise<void> {
    while (this.#left === 0) await this.#refilled;
    this.#left -= 1;
    this.#refilled ??= new Promise((resolve) => {
      this.#clock.after(0, () => {
        this.#left = this.#atOnce;
        this.#refilled = undefined;
        resolve();
      });
    });
  }
}
