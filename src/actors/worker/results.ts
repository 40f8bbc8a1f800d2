import { addByName, addCounts, noCounts, type SendCounts } from "../../core/send-counts.ts";
import type { PageException } from "../../persistence/ports/campaign.ts";

/** What became of some recipients of a page, once and for all. */
export interface Settled {
  readonly counts: SendCounts;
  /** The same by A/B arm; empty for a campaign without arms. */
  readonly arms: Readonly<Record<string, SendCounts>>;
  readonly exceptions: readonly PageException[];
}

export const nothingSettled: Settled = Object.freeze({
  counts: noCounts,
  arms: Object.freeze({}),
  exceptions: Object.freeze([]),
});

export function addSettled(a: Settled, b: Settled): Settled {
  if (a === nothingSettled) return b;
  if (b === nothingSettled) return a;
  return {
    counts: addCounts(a.counts, b.counts),
    arms: addByName(a.arms, b.arms),
    exceptions: [...a.exceptions, ...b.exceptions],
  };
}

/** Which arm a recipient counts in; undefined for a campaign without arms. */
export type ArmAt = (index: number) => string | undefined;

type Column = keyof SendCounts;
type Mutable = { -readonly [Name in Column]: SendCounts[Name] };

/** Why a recipient is an exception; see `PageException`. */
export type Cause = Pick<PageException, "status" | "rule" | "reason" | "providerId">;

/** Counts recipients of one window as they are settled. Local to one attempt. */
export class Tally {
  readonly #armAt: ArmAt;
  readonly #counts: Mutable = { ...noCounts };
  readonly #arms: Record<string, Mutable> = {};
  readonly #exceptions: PageException[] = [];

  constructor(armAt: ArmAt) {
    this.#armAt = armAt;
  }

  add(column: Column, index: number, cause?: Cause): void {
    this.#counts[column] += 1;
    const arm = this.#armAt(index);
    if (arm !== undefined) {
      this.#arms[arm] ??= { ...noCounts };
      this.#arms[arm][column] += 1;
    }
    if (cause !== undefined) this.#addException(index, cause);
  }

  get settled(): Settled {
    return { counts: this.#counts, arms: this.#arms, exceptions: this.#exceptions };
  }

  /** Neighbors that ended for the same cause become one. */
  #addException(index: number, cause: Cause): void {
    const last = this.#exceptions.at(-1);
    const isSame =
      last?.to === index &&
      last.status === cause.status &&
      last.rule === cause.rule &&
      last.reason === cause.reason &&
      last.providerId === undefined &&
      cause.providerId === undefined;
    if (isSame) this.#exceptions[this.#exceptions.length - 1] = { ...last, to: index + 1 };
    else this.#exceptions.push({ from: index, to: index + 1, ...cause });
  }
}
