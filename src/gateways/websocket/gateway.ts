import type { Connection, Socket } from "./connection.ts";
import type { Counts } from "./counts.ts";
import { Departures } from "./departures.ts";
import { Hub } from "./hub.ts";
import type { WebSocketOptions } from "./options.ts";
import { Upgrader } from "./upgrade.ts";
import { afterCallback } from "./uws.ts";

/** Where devices connect. */
export const CONNECT_PATH = "/v1/connect";

/** The WebSocket gateway, once it has been opened. */
export interface WebSocketGateway {
  /** Open sockets, whether logged in or not. */
  readonly connections: number;
  readonly counts: Counts;
  /** Sends devices to another node while this one goes on. */
  readonly departures: Pick<Departures, "isDraining" | "redirect" | "resume">;
  /**
   * Takes no more connections, asks those there are to connect elsewhere, and closes them, piece
   * by piece. Resolves when all are closed, at the latest after `deadlineMs`.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Closes what is left and stops the gateway's timer. */
  close(): void;
}

/** Messages a little too large are answered with a close code; uWebSockets.js cuts the rest. */
const PAYLOAD_FACTOR = 2;

/**
 * Opens the WebSocket gateway on an app that is not listening yet.
 *
 * It only carries: what a frame means is decided by the session it is passed to.
 */
export function openWebSocketGateway(options: WebSocketOptions): WebSocketGateway {
  const { app, limits, metrics } = options;
  const hub = new Hub(options);
  const departures = new Departures(hub, options);
  const upgrader = new Upgrader(hub, departures, options);
  metrics.observe("herald_ws_connections", "Open connections", () => hub.connections);
  metrics.observe("herald_ws_waiting", "Connections before their welcome", () => hub.waiting.size);

  app.ws<{ connection: Connection }>(CONNECT_PATH, {
    compression: 0,
    maxPayloadLength: limits.frameBytesMax * PAYLOAD_FACTOR,
    // Beyond it frames are lost without a word; clients are closed as slow long before.
    maxBackpressure: limits.unsentBytesMax * 2 + limits.frameBytesMax,
    closeOnBackpressureLimit: 0,
    idleTimeout: idleSeconds(limits),
    sendPingsAutomatically: false,
    upgrade: (res, req, context) => upgrader.upgrade(res, req, context),
    open: (ws) => {
      const { connection } = ws as Socket & Tagged;
      connection.opened(ws);
      departures.arrived(connection);
    },
    message: (ws, bytes, isBinary) => (ws as Socket & Tagged).connection.receive(bytes, isBinary),
    ping: (ws) => void (ws as Socket & Tagged).connection.heard(),
    pong: (ws) => void (ws as Socket & Tagged).connection.heard(),
    drain: (ws) => {
      const { connection } = ws as Socket & Tagged;
      afterCallback(() => connection.drained());
    },
    close: (ws, code, text) => (ws as Socket & Tagged).connection.closed(code, text),
  });
  // Whoever has no key that could be one is passed on by the addon.
  app.get(CONNECT_PATH, (res) => upgrader.refuse(res, "handshake"));

  return {
    get connections() {
      return hub.connections;
    },
    counts: hub.counts,
    departures,
    drain: (deadlineMs) => departures.drain(deadlineMs),
    close() {
      departures.end();
      hub.stop();
    },
  };
}

/** What the upgrade puts on a socket. */
interface Tagged {
  readonly connection: Connection;
}

/**
 * How long a socket may be silent before uWebSockets.js drops it, in seconds. The hub asks and ends
 * silent ones long before; this only stops what it may have missed. 960 is the most there is.
 */
function idleSeconds({ heartbeatMs, helloTimeoutMs }: WebSocketOptions["limits"]): number {
  const seconds = Math.ceil(Math.max(heartbeatMs, helloTimeoutMs) / 1000);
  return Math.min(960, seconds + IDLE_MARGIN_SECONDS);
}

const IDLE_MARGIN_SECONDS = 30;
