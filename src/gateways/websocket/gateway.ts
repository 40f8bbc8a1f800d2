import type { Connection, Socket } from "./connection.ts";
import type { Counts } from "./counts.ts";
import { type Guest, Hub } from "./hub.ts";
import type { WebSocketOptions } from "./options.ts";
import { Upgrader } from "./upgrade.ts";

/** Where devices connect. */
export const CONNECT_PATH = "/v1/connect";

/** The WebSocket gateway, once it has been opened. */
export interface WebSocketGateway {
  /** Open sockets, whether logged in or not. */
  readonly connections: number;
  readonly counts: Counts;
  /**
   * Takes no more connections, asks those there are to connect elsewhere, and closes them, piece
   * by piece. Resolves when all are closed, at the latest after `deadlineMs`.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Closes what is left and stops the gateway's timer. */
  close(): void;
}

/** Connections closed per step of a drain, and the pause between two steps. */
const DRAIN_STEP = 500;
const DRAIN_PAUSE_MS = 20;
/** Devices are told to come back after a random part of this, plus a share per connection. */
const DRAIN_SPREAD_MS = 2000;
const DRAIN_SPREAD_PER_CONNECTION_MS = 0.2;
/** Messages a little too large are answered with a close code; uWebSockets.js cuts the rest. */
const PAYLOAD_FACTOR = 2;

/**
 * Opens the WebSocket gateway on an app that is not listening yet.
 *
 * It only carries: what a frame means is decided by the session it is passed to.
 */
export function openWebSocketGateway(options: WebSocketOptions): WebSocketGateway {
  const { app, clock, limits, metrics, random } = options;
  const hub = new Hub(options);
  const upgrader = new Upgrader(hub, options);
  metrics.observe("herald_ws_connections", "Open connections", () => hub.connections);
  metrics.observe("herald_ws_waiting", "Connections before their welcome", () => hub.waiting.size);

  app.ws<{ connection: Connection }>(CONNECT_PATH, {
    compression: 0,
    maxPayloadLength: limits.frameBytesMax * PAYLOAD_FACTOR,
    // Beyond it frames are lost without a word; clients are closed as slow long before.
    maxBackpressure: limits.unsentBytesMax * 2 + limits.frameBytesMax,
    closeOnBackpressureLimit: 0,
    idleTimeout: idleSeconds(limits.heartbeatMs),
    sendPingsAutomatically: true,
    upgrade: (res, req, context) => upgrader.upgrade(res, req, context),
    open: (ws) => (ws as Socket & Tagged).connection.opened(ws),
    message: (ws, bytes, isBinary) => (ws as Socket & Tagged).connection.receive(bytes, isBinary),
    drain: (ws) => (ws as Socket & Tagged).connection.drained(),
    close: (ws, code, text) => (ws as Socket & Tagged).connection.closed(code, text),
  });

  const closeSome = (count: number): void => {
    const spreadMs = DRAIN_SPREAD_MS + hub.connections * DRAIN_SPREAD_PER_CONNECTION_MS;
    for (let left = count; left > 0; left -= 1) {
      const guest: Guest | undefined = hub.open.first ?? hub.waiting.first;
      if (guest === undefined) return;
      guest.close("draining", Math.ceil(random() * spreadMs));
    }
  };

  return {
    get connections() {
      return hub.connections;
    },
    counts: hub.counts,
    drain(deadlineMs) {
      upgrader.isDraining = true;
      const endsAt = clock.monotonic() + deadlineMs;
      return new Promise((resolve) => {
        const step = (): void => {
          const isLate = clock.monotonic() >= endsAt;
          closeSome(isLate ? hub.connections : DRAIN_STEP);
          if (hub.connections === 0) return resolve();
          clock.after(DRAIN_PAUSE_MS, step);
        };
        step();
      });
    },
    close() {
      upgrader.isDraining = true;
      closeSome(hub.connections);
      hub.stop();
    },
  };
}

/** What the upgrade puts on a socket. */
interface Tagged {
  readonly connection: Connection;
}

/**
 * As uWebSockets.js takes it: seconds from 8 to 960. It looks at the time every four seconds, so
 * that only a multiple of four does not end later than was told.
 */
function idleSeconds(heartbeatMs: number): number {
  return Math.min(960, Math.max(8, Math.floor(heartbeatMs / 4000) * 4));
}
