import { emptyLedger, type Ledger, ledgerGap } from "../core/ledger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Stores } from "../persistence/ports/stores.ts";

const OUTCOMES = Object.keys(emptyLedger) as (keyof Ledger)[];

/**
 * Exports the ledger of all messages and the number of store operations by port.
 *
 * The ledger is in the store, so it is read by the returned function, once per scrape.
 */
export function exportStores(
  stores: Pick<Stores, "inbox" | "operations">,
  metrics: Metrics,
): () => Promise<void> {
  let ledger: Ledger = emptyLedger;
  const help = "Messages of all ledgers, by where they are.";
  for (const outcome of OUTCOMES) {
    metrics.observe("herald_ledger_messages", help, () => ledger[outcome], { outcome });
  }
  const gapHelp = "Accepted messages that are accounted for nowhere; anything but 0 is a fault.";
  metrics.observe("herald_ledger_gap", gapHelp, () => ledgerGap(ledger));
  for (const port of ["audiences", "campaigns", "inbox", "credentials", "audit", "requests"]) {
    const read = () => operationsOf(stores, port);
    metrics.observe("herald_store_operations", "Calls to the store, by port.", read, { port });
  }
  return async () => {
    ledger = await stores.inbox.ledgerOfAll();
  };
}

function operationsOf(stores: Pick<Stores, "operations">, port: string): number {
  return Object.entries(stores.operations())
    .filter(([name]) => name.startsWith(`${port}.`))
    .reduce((sum, [, count]) => sum + count, 0);
}
