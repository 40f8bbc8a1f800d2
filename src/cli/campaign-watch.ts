import type { CampaignProgress } from "../actors/master/messages.ts";
import type { ApiClient } from "./api.ts";
import { duration } from "./output.ts";
import { progressBar } from "./progress.ts";

const FORMAT =
  "{state} |{bar}| {percentage}%  collected {collected}  sent {sent}  acked {acked}  " +
  "in inbox {inInbox}  {rate}/s  ETA {left}";

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

function bars(progress: CampaignProgress): object {
  return {
    ...progress,
    state: progress.state.padEnd(8),
    rate: Math.round(progress.rate),
    left: duration(progress.etaMs),
  };
}
