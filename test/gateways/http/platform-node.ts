import { onTestFinished } from "vitest";
import { type Behavior, SECRET, startSink } from "../../providers/webhook/sink.ts";
import { startWholeNode } from "./whole-node.ts";

/** A whole node and the service of its user that decides about devices. */
export async function startPlatformNode(
  behavior: Behavior,
  { platform = {}, ...config }: Readonly<Record<string, object>> = {},
) {
  const service = await startSink(behavior);
  const url = `http://127.0.0.1:${service.port}/herald`;
  const node = await startWholeNode({
    platform: { url, secrets: [SECRET], ...platform },
    ...config,
  });
  onTestFinished(() => node.stop());
  /** What the service was asked, in order. */
  const questions = () => service.requests.map(({ path }) => path.replace("/herald/", ""));
  return { service, node, questions };
}
