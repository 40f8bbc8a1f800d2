import type { Answer } from "./exchange.ts";
import type { Download, EventSink } from "./route.ts";

/** The head of a download; its name is one that no header can be made of. */
export function headOf({ mediaType, fileName }: Download): Answer {
  const name = fileName.replace(/[^\w.-]/g, "_");
  const disposition = `attachment; filename="${name}"`;
  const headers = { "content-type": mediaType, "content-disposition": disposition };
  return { status: 200, headers, body: "" };
}

/**
 * Writes the pieces as fast as they are read: while the reader is behind, none is made. Stops
 * making them when the reader has gone.
 */
export async function writeOut(pieces: AsyncIterable<string>, sink: EventSink): Promise<void> {
  let isGone = false;
  let wake = (): void => {};
  sink.onClosed(() => {
    isGone = true;
    wake();
  });
  sink.onDrained(() => wake());
  for await (const piece of pieces) {
    if (isGone) return;
    if (sink.write(piece)) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (isGone) resolve();
    });
  }
  sink.end();
}
