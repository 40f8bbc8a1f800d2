import { PHONES_PER_USER } from "./ids.ts";

/** Whoever has a slot; its session is found by its id. */
export interface SlotHolder {
  readonly sessionId: string;
}

const SLOTS = Number(PHONES_PER_USER) - 1;

/**
 * Which of the fifteen numbers of a user each of its phones has.
 *
 * Kept only while somebody has one, and nowhere else: what ends, or crashes, leaves nothing taken.
 */
export class Slots {
  readonly #users = new Map<string, (SlotHolder | undefined)[]>();

  /** Takes the lowest free slot, 1 to 15; undefined when there is none. */
  take(user: string, holder: SlotHolder): number | undefined {
    const slots = this.#users.get(user) ?? new Array<SlotHolder | undefined>(SLOTS).fill(undefined);
    const free = slots.indexOf(undefined);
    if (free < 0) return undefined;
    slots[free] = holder;
    this.#users.set(user, slots);
    return free + 1;
  }

  /** Nothing when somebody else has it by now. */
  release(user: string, slot: number, holder: SlotHolder): void {
    const slots = this.#users.get(user);
    if (slots?.[slot - 1] !== holder) return;
    slots[slot - 1] = undefined;
    if (slots.every((other) => other === undefined)) this.#users.delete(user);
  }

  find(user: string, slot: number): SlotHolder | undefined {
    return this.#users.get(user)?.[slot - 1];
  }

  get users(): number {
    return this.#users.size;
  }
}
