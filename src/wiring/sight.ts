import type { InboxDesk } from "../actors/inbox/desk.ts";
import { systemClock } from "../core/clock.ts";
import type { HttpPorts, Inboxes } from "../gateways/http/api.ts";
import { exportStores } from "../observability/store-metrics.ts";
import type { Base } from "./base.ts";

interface Inside {
  readonly inbox: InboxDesk;
  readonly version: string | undefined;
}

type Sight = Pick<HttpPorts, "about" | "chronicle" | "inboxes" | "readLedger" | "renderMetrics">;

/** What people may look at: figures, ledgers, inboxes, and what happened to devices. */
export function openSight(base: Base, { inbox, version = "" }: Inside): Sight {
  const { chronicle, config, metrics, stores } = base;
  const refreshLedger = exportStores(stores, metrics);
  return {
    chronicle,
    inboxes: openInboxes(base, inbox),
    readLedger: async (name) => {
      if (name !== undefined) return inbox.ledger(name);
      await inbox.flush();
      return stores.inbox.ledgerOfAll();
    },
    about: {
      version,
      startedAt: systemClock.now(),
      config,
      figures: async () => {
        await refreshLedger();
        return metrics.figures();
      },
    },
    renderMetrics: async () => {
      await refreshLedger();
      return metrics.render();
    },
  };
}

/** Looks into the store; what devices have confirmed before is settled there first. */
function openInboxes({ stores }: Base, desk: InboxDesk): Inboxes {
  return {
    waiting: async (principal) => {
      await desk.flush();
      const [inbox] = await stores.inbox.read([principal], systemClock.now());
      return inbox!;
    },
    fates: async (prefix, page) => {
      await desk.flush();
      return stores.inbox.fates(prefix, page);
    },
  };
}
