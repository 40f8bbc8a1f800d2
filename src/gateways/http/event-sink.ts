import type { Exchange } from "./exchange.ts";
import type { EventSink } from "./route.ts";

/** An answer that goes on, and tells once when it has ended, whoever ended it. */
export function openSink(
  exchange: Exchange,
  head: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
): EventSink {
  const stream = exchange.stream(head.status, head.headers);
  const calls: (() => void)[] = [];
  let isClosed = false;
  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    for (const call of calls.splice(0)) call();
  };
  const sink: EventSink = {
    write: (text) => !isClosed && stream.write(text),
    end: () => {
      if (isClosed) return;
      stream.end();
      close();
    },
    cut: () => {
      if (isClosed) return;
      stream.cut();
      close();
    },
    onDrained: (call) => stream.onDrained(call),
    onClosed: (call) => {
      if (isClosed) call();
      else calls.push(call);
    },
  };
  exchange.onAborted(close);
  return sink;
}
