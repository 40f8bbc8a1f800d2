import type { CampaignProgress } from "../actors/master/messages.ts";
import type { ApiClient } from "./api.ts";
import { display, duration, fields, instant, table } from "./output.ts";
import { progressBar } from "./progress.ts";

const FORMAT =
  "{state} |{bar}| {percentage}%  collected {collected}  sent {sent}  acked {acked}  " +
  "in inbox {inInbox}  unknown {doubt}  {rate}/s  ETA {left}  {busy} workers, oldest {oldest}";

/**
 * Follows a campaign's live progress until the server ends the stream: a bar for people, one
 * JSON object a line for programs, or nothing but `seen`. Returns the last progress.
 */
export async function watchCampaign(
  api: ApiClient,
  id: string,
  show: "bar" | "lines" | "silent",
  seen: (progress: CampaignProgress) => void = () => {},
): Promise<CampaignProgress | undefined> {
  const bar = progressBar(show !== "bar", FORMAT);
  let last: CampaignProgress | undefined;
  try {
    for await (const { event, data } of api.events(
      `/v1/campaigns/${encodeURIComponent(id)}/events`,
    )) {
      if (event === "end") break;
      if (event !== "progress") continue;
      const progress = JSON.parse(data) as CampaignProgress;
      if (last === undefined) bar.start(progress.collected, bars(progress));
      last = progress;
      bar.update(progress.sent, bars(progress));
      if (show === "lines") process.stdout.write(`${JSON.stringify(progress)}\n`);
      seen(progress);
    }
  } finally {
    bar.stop();
  }
  return last;
}

/** What a run's workers, its provider and its A/B arms are at; nothing where there is nothing. */
export function liveLines(progress: CampaignProgress): string[] {
  const { counts, arms, workerStates, provider, opensAt, lateZones = [] } = progress;
  const entries = Object.entries(arms);
  const workers = workerStates.map(({ name, state, page, done, intent, settled }) => {
    const place = page === undefined ? "" : `page ${page.partition}/${page.k} of ${page.size}`;
    const window = page === undefined ? "" : `${done} to ${intent}`;
    return [name, state, display(settled), place, window];
  });
  const waits = opensAt === 0 ? {} : { "some wait until": instant(opensAt) };
  const zones = lateZones.map((zone) => zone || "no time zone").join(", ");
  const late = zones === "" ? {} : { "too late for": zones };
  return [
    ...(opensAt === 0 && zones === "" ? [] : [fields({ ...waits, ...late })]),
    "recipients",
    fields({ ...counts }),
    ...(entries.length === 0 ? [] : ["by arm", table(["arm", ...COUNTED], entries.map(armRow))]),
    ...(workers.length === 0
      ? []
      : [table(["worker", "state", "settled", "page", "window"], workers)]),
    ...(provider === undefined ? [] : ["provider", fields(providerFields(provider))]),
  ];
}

const COUNTED = ["delivered", "handed", "shed", "unknown", "held", "capped", "skipped"] as const;

function armRow([name, counts]: readonly [string, CampaignProgress["counts"]]): string[] {
  return [name, ...COUNTED.map((counted) => display(counts[counted]))];
}

function providerFields(state: NonNullable<CampaignProgress["provider"]>) {
  const { inFlight, waiting, latencyMs, gates } = state;
  const told = Object.entries(gates).map(([name, gate]) => {
    const values = Object.entries(gate).map(([key, value]) => `${key} ${value}`);
    return [name, values.join(", ")] as const;
  });
  return { "in flight": inFlight, waiting, "latency ms": latencyMs, ...Object.fromEntries(told) };
}

function bars(progress: CampaignProgress): object {
  const busy = progress.workerStates.filter(({ state }) => state === "sending").length;
  return {
    ...progress,
    state: progress.state.padEnd(8),
    rate: Math.round(progress.rate),
    left: duration(progress.etaMs),
    doubt: progress.ledger.unknown,
    busy: `${busy} of ${progress.workers}`,
    oldest: duration(progress.oldestWindowMs),
  };
}
