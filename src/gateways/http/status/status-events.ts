import type { Api } from "../api.ts";
import type { EventSink } from "../route.ts";

/** How often a reader gets a new sample, in milliseconds. */
const EVERY_MS = 2_000;
/** Samples that a reader may be behind before it is let go. */
const BEHIND_MAX = 15;

/** Writes what the node does every two seconds, until the reader leaves. */
export function streamStatus(api: Api): (sink: EventSink) => void {
  return (sink) => {
    let isBehind = false;
    let behind = 0;
    let isClosed = false;
    let cancel = (): void => {};
    const next = (): void => {
      if (isClosed) return;
      cancel = api.clock.after(EVERY_MS, () => void tell());
    };
    const tell = async (): Promise<void> => {
      if (isBehind) behind += 1;
      if (behind > BEHIND_MAX) return sink.end();
      if (!isBehind) {
        try {
          const sample = await api.status.sample();
          isBehind = !sink.write(`event: status\ndata: ${JSON.stringify(sample)}\n\n`);
        } catch (error) {
          api.logger.error("the status cannot be told", { error: String(error) });
          return sink.end();
        }
      }
      next();
    };
    sink.onClosed(() => {
      isClosed = true;
      cancel();
    });
    sink.onDrained(() => {
      isBehind = false;
      behind = 0;
    });
    void tell();
  };
}
