import { Buffer } from "node:buffer";
import type { CloseReason } from "../../actors/session/messages.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Counter, Metrics } from "../../core/metrics.ts";

/** Why an upgrade was refused. */
export type UpgradeRefusal =
  | "draining"
  | "handshake"
  | "subprotocol"
  | "version"
  | "address"
  | "full"
  | "rate"
  | "address-rate"
  | "banned";

/** How a connection ended that the server did not close. */
export type Departure = "good-bye" | "going-away" | "lost" | "other";

/** What uWebSockets.js says where it drops a connection by itself, without a close frame. */
const DROPS: ReadonlyMap<string, CloseReason> = new Map([
  ["WebSocket timed out from inactivity", "heartbeat-lost"],
  ["Received too big message", "too-large"],
  ["Received invalid UTF-8", "invalid-frame"],
  ["Received invalid WebSocket frame", "invalid-frame"],
]);

/** Why a connection has ended, by its close code and by what uWebSockets.js says of it. */
export function departureOf(code: number, message: ArrayBuffer): CloseReason | Departure {
  if (code === 1000) return "good-bye";
  if (code === 1001) return "going-away";
  if (code !== 1006) return "other";
  return DROPS.get(Buffer.from(message).toString()) ?? "lost";
}

/**
 * The gateway's figures.
 *
 * What happens per frame is a plain number here, and is handed to the metrics by `publish`.
 */
export class Counts {
  framesIn = 0;
  framesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Writes after which bytes were left unsent. */
  backpressure = 0;
  /** Frames that never left because their connection had been closed or was too slow. */
  dropped = 0;
  /** Publications given up because their connection was too slow for its topic. */
  publicationsLost = 0;
  readonly #metrics: Metrics;
  readonly #published: readonly { counter: Counter; read: () => number; last: number }[];
  readonly #rare = new Map<string, Counter>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    const series = (name: string, help: string, read: () => number) => ({
      counter: metrics.counter(`herald_ws_${name}_total`, help),
      read,
      last: 0,
    });
    this.#published = [
      series("frames_in", "Frames received from devices", () => this.framesIn),
      series("frames_out", "Frames written to devices", () => this.framesOut),
      series("bytes_in", "Bytes of frames received from devices", () => this.bytesIn),
      series("bytes_out", "Bytes of frames written, in string units", () => this.bytesOut),
      series("backpressure", "Writes that left bytes unsent", () => this.backpressure),
      series(
        "publications_lost",
        "Publications given up because a subscriber was too slow",
        () => this.publicationsLost,
      ),
      series("dropped", "Frames for connections that were gone", () => this.dropped),
    ];
  }

  /** Hands what was counted since the last time to the metrics. */
  publish(): void {
    for (const series of this.#published) {
      const value = series.read();
      if (value === series.last) continue;
      series.counter.add(value - series.last);
      series.last = value;
    }
  }

  refusedUpgrade(reason: UpgradeRefusal): void {
    this.#count("herald_ws_upgrades_refused_total", "Upgrades refused, by reason", { reason });
  }

  sentError(code: ErrorCode): void {
    this.#count("herald_ws_errors_total", "Error frames sent, by code", { code });
  }

  /** The server's reason, or how the other side or the network ended it. */
  closed(reason: CloseReason | Departure): void {
    this.#count("herald_ws_closes_total", "Connections ended, by reason", { reason });
  }

  #count(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    const key = name + Object.values(labels)[0];
    let counter = this.#rare.get(key);
    if (counter === undefined) {
      counter = this.#metrics.counter(name, help, labels);
      this.#rare.set(key, counter);
    }
    counter.add();
  }
}
