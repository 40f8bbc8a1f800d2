import { ledgerGap } from "../../core/ledger.ts";
import type { Shown } from "./arena.ts";

/** Adds up the ledger of a run each time it is seen, and remembers when it was not right. */
export class LedgerWatch {
  observations = 0;
  /** The first time that each thing was wrong, for people. */
  readonly #found = new Map<string, string>();
  readonly #members: number;

  constructor(members: number) {
    this.#members = members;
  }

  get faulty(): readonly string[] {
    return [...this.#found.values()];
  }

  see({ progress: { ledger, ledgerGap: said, state } }: Pick<Shown, "progress">): void {
    this.observations += 1;
    const gap = ledgerGap(ledger);
    if (gap !== 0) this.#find("gap", `the ledger was off by ${gap} (${state})`);
    if (gap !== said) this.#find("said", `the ledger was off by ${gap} and said ${said}`);
    if (ledger.accepted !== this.#members) {
      this.#find("accepted", `${ledger.accepted} were accepted of ${this.#members} (${state})`);
    }
    const negative = Object.entries(ledger).filter(([, count]) => count < 0);
    for (const [name, count] of negative) this.#find(name, `the ledger counted ${count} ${name}`);
  }

  #find(what: string, words: string): void {
    if (!this.#found.has(what)) this.#found.set(what, words);
  }
}
