import { campaignDesk } from "../actors/master/desk.ts";
import { campaignMaster, newMaster } from "../actors/master/master.ts";
import { type CampaignMessage, campaignKind } from "../actors/master/messages.ts";
import { abandonedPages } from "../actors/worker/abandoned.ts";
import type { SpawnWorker } from "../actors/worker/messages.ts";
import { resender } from "../actors/worker/resend.ts";
import { pushWorkers } from "../actors/worker/worker.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId } from "../core/random.ts";
import type { Result } from "../core/result.ts";
import type { Stores } from "../persistence/ports/stores.ts";
import type { Provider } from "../providers/provider.ts";
import type { Base } from "./base.ts";

const ASK_MS = 10_000;
/** Far more than the back-off of the restarts lets a few broken campaigns reach. */
const MASTER_RESTARTS = { max: 1_000, withinMs: 10_000 };
/** Whatever happened, a campaign goes on within five seconds. */
const MASTER_BACKOFF = { minMs: 100, maxMs: 2_000 };

/** Reaches into a node to break it on purpose: for `herald campaign verify`, and nothing else. */
export interface Sabotage {
  opened(stores: Stores): void;
  master(type: MasterType): MasterType;
  workers(spawn: SpawnWorker): SpawnWorker;
}

/** What makes the masters of a node's campaigns. */
export type MasterType = ReturnType<typeof campaignMaster>;

/** Starts the campaign desk; campaigns that were running go on. */
export async function openCampaigns(
  base: Base,
  providers: readonly Provider[],
  sabotage: Sabotage | undefined,
) {
  const { boot, config, stores, system } = base;
  const deps = {
    campaigns: stores.campaigns,
    audiences: stores.audiences,
    providers: new Map(providers.map((provider) => [provider.name, provider])),
  };
  const { leaseMs, receiptWaitMs } = config.campaign;
  const { members, receipts, suppressions } = stores;
  const workerDeps = {
    ...{ ...deps, clock: systemClock, owner: boot, leaseMs, receiptWaitMs },
    ...{ members, receipts, suppressions },
  };
  const workers = pushWorkers(workerDeps);
  const spawnWorker = sabotage?.workers(workers) ?? workers;
  const settleAbandoned = abandonedPages(workerDeps);
  const resendWindow = resender(workerDeps);
  const master = campaignMaster({
    ...{ ...deps, spawnWorker, settleAbandoned, resendWindow, owner: boot, leaseMs, receipts },
  });
  const type = sabotage?.master(master) ?? master;
  sabotage?.opened(stores);
  // One campaign whose master crashes again and again must not end the others, nor the node.
  const under = system.supervisor("campaigns", {
    intensity: MASTER_RESTARTS,
    backoff: MASTER_BACKOFF,
  });
  system.registerEntity(campaignKind, { under, type, state: newMaster });
  // This boot holds the data folder's lock, so whoever else owns a lease is dead.
  await stores.campaigns.releaseOthers(boot);
  const desk = system.spawn(campaignDesk({ ...deps, newId: systemNewId }), {
    name: "campaign-desk",
    state: null,
  });
  const recovered = await system.ask<CampaignMessage, Result<number>>(
    desk,
    (replyTo) => ({ type: "recover", replyTo }),
    { deadlineMs: ASK_MS },
  );
  if (!recovered.ok) throw recovered.error;
  return desk;
}
