import { RuntimeError } from "../../../core/errors.ts";
import type { Trace, TraceLine } from "../../../core/trace.ts";
import type { Api } from "../api.ts";
import type { EventSink } from "../route.ts";
import { refsOf, type Target } from "./find-devices.ts";

/** What a stream needs of the node. */
type Sight = Pick<Api, "chronicle" | "clock" | "limits">;

const MINUTE_MS = 60_000;
const BUSY_RETRY_MS = 60_000;

/**
 * Follows a principal's sessions for some minutes, those that come later included.
 *
 * @throws RuntimeError `gateway.busy` when as many are followed as may be.
 */
export async function startTrace(target: Target, minutes: number, api: Api): Promise<Trace> {
  const now = api.clock.now();
  const trace = api.chronicle.startTrace(target.principal, now + minutes * MINUTE_MS, now);
  if (trace === undefined) {
    const message = "as many devices are traced as may be at once";
    throw new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_RETRY_MS });
  }
  for (const session of await refsOf({ ...target, session: undefined }, api)) {
    session.send({ type: "trace" });
  }
  return trace;
}

/**
 * Writes what a trace has kept and what comes, until it ends.
 *
 * @throws RuntimeError `trace.unknown` when there was none.
 */
export function streamTrace({ principal, session }: Target, api: Sight): (sink: EventSink) => void {
  const trace = api.chronicle.lastTrace(principal);
  if (trace === undefined) {
    throw new RuntimeError("trace.unknown", "no trace was started, or it has been forgotten");
  }
  const wanted = (line: TraceLine): boolean => session === undefined || line.session === session;
  return (sink) => new TraceStream(trace, wanted, sink, api).open();
}

/** One reader of a trace. What a slow one has no room for is left out and counted. */
class TraceStream {
  readonly #trace: Trace;
  readonly #wanted: (line: TraceLine) => boolean;
  readonly #sink: EventSink;
  readonly #api: Sight;
  #isBehind = false;
  #lost = 0;
  #cancel = (): void => {};

  constructor(trace: Trace, wanted: (line: TraceLine) => boolean, sink: EventSink, api: Sight) {
    this.#trace = trace;
    this.#wanted = wanted;
    this.#sink = sink;
    this.#api = api;
  }

  open(): void {
    const sink = this.#sink;
    const unfollow = this.#trace.follow((line) => this.#line(line));
    sink.onClosed(() => {
      unfollow();
      this.#cancel();
    });
    sink.onDrained(() => {
      this.#isBehind = false;
    });
    for (const line of this.#trace.lines) this.#line(line);
    this.#wait();
  }

  /** Until its end, which may be put off, with a sign of life now and then. */
  #wait(): void {
    const { clock, limits } = this.#api;
    const leftMs = this.#trace.until - clock.now();
    if (leftMs <= 0) {
      this.#event("end", { until: this.#trace.until, lost: this.#lost });
      this.#sink.end();
      return;
    }
    this.#cancel = clock.after(Math.min(leftMs, limits.heartbeatMs), () => {
      this.#sink.write(": heartbeat\n\n");
      this.#wait();
    });
  }

  #line(line: TraceLine): void {
    if (!this.#wanted(line)) return;
    if (this.#isBehind) this.#lost += 1;
    else this.#event("line", line);
  }

  #event(name: string, data: object): void {
    if (!this.#sink.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)) {
      this.#isBehind = true;
    }
  }
}
