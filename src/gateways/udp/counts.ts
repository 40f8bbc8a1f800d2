import type { CloseReason } from "../../actors/session/messages.ts";
import type { Counter, Metrics } from "../../core/metrics.ts";

/** Why a datagram was dropped without a word. */
export type Drop =
  | "too-short"
  | "too-large"
  | "unknown-type"
  | "version"
  | "rate"
  | "cookie"
  | "forged"
  | "repeated"
  | "no-session"
  | "busy"
  | "credit"
  | "not-encoded"
  | "send-failed";

/** What happens per datagram is a plain number here, and is handed to the metrics by `publish`. */
export class UdpCounts {
  datagramsIn = 0;
  datagramsOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  framesIn = 0;
  /** Frames that fit no datagram. */
  tooLarge = 0;
  moved = 0;
  readonly dropped: Record<Drop, number> = {
    ...{
      "too-short": 0,
      "too-large": 0,
      "unknown-type": 0,
      version: 0,
      rate: 0,
      cookie: 0,
      forged: 0,
    },
    ...{ repeated: 0, "no-session": 0, busy: 0, credit: 0, "send-failed": 0 },
    "not-encoded": 0,
  };
  readonly closes = new Map<CloseReason | "good-bye", number>();
  readonly #metrics: Metrics;
  readonly #published = new Map<string, { counter: Counter; last: number }>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  closed(reason: CloseReason | "good-bye"): void {
    this.closes.set(reason, (this.closes.get(reason) ?? 0) + 1);
  }

  /** Hands what was counted since the last time to the metrics. */
  publish(): void {
    this.#add("datagrams_in", "Datagrams received", this.datagramsIn);
    this.#add("datagrams_out", "Datagrams sent", this.datagramsOut);
    this.#add("bytes_in", "Bytes of datagrams received", this.bytesIn);
    this.#add("bytes_out", "Bytes of datagrams sent", this.bytesOut);
    this.#add("frames_in", "Frames received over UDP", this.framesIn);
    this.#add("too_large", "Frames for devices that fit no datagram", this.tooLarge);
    this.#add("moved", "Address changes of devices", this.moved);
    for (const [reason, count] of Object.entries(this.dropped)) {
      this.#add("dropped", "Datagrams dropped, by reason", count, reason);
    }
    for (const [reason, count] of this.closes) {
      this.#add("closes", "UDP sessions ended, by reason", count, reason);
    }
  }

  #add(name: string, help: string, value: number, reason?: string): void {
    const key = `${name} ${reason}`;
    let series = this.#published.get(key);
    if (series === undefined) {
      const labels = reason === undefined ? {} : { reason };
      const counter = this.#metrics.counter(`herald_udp_${name}_total`, help, labels);
      series = { counter, last: 0 };
      this.#published.set(key, series);
    }
    if (value > series.last) series.counter.add(value - series.last);
    series.last = value;
  }
}
