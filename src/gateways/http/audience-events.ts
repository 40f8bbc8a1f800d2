import type { AudienceProgress } from "../../actors/collect/messages.ts";
import type { Api } from "./api.ts";
import { ProgressSubscriber } from "./progress-stream.ts";
import type { EventSink } from "./route.ts";

/**
 * Subscribes to the making of an audience; the result writes its progress to a stream.
 *
 * @throws RuntimeError `audience.unknown` before anything is written.
 */
export async function streamCollection(id: string, api: Api): Promise<(sink: EventSink) => void> {
  const { ask, actors } = api;
  const read = () => ask(actors.audiences, { type: "read-audience-progress", id });
  const path = `/http/audiences/${id}/events`;
  const subscriber = new ProgressSubscriber<AudienceProgress>({ path, read }, api);
  subscriber.send(await ask(actors.audiences, { type: "watch-audience", id, subscriber }));
  return (sink) => subscriber.open(sink);
}
