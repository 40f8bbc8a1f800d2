import type { CampaignProgress } from "../../actors/master/messages.ts";
import type { Api } from "./api.ts";
import { ProgressSubscriber } from "./progress-stream.ts";
import type { EventSink } from "./route.ts";

/**
 * Subscribes to a campaign; the result writes its progress to a stream.
 *
 * @throws RuntimeError `campaign.unknown` before anything is written.
 */
export async function streamProgress(id: string, api: Api): Promise<(sink: EventSink) => void> {
  const { ask, actors } = api;
  const read = async () => (await ask(actors.campaigns, { type: "read-campaign", id })).progress;
  const path = `/http/campaigns/${id}/events`;
  const subscriber = new ProgressSubscriber<CampaignProgress>({ path, read }, api);
  subscriber.send(await ask(actors.campaigns, { type: "subscribe", id, subscriber }));
  return (sink) => subscriber.open(sink);
}
