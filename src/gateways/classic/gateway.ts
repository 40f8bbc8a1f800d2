import { remoteAddress } from "../remote-address.ts";
import { wireText } from "../wire-text.ts";
import { ClassicConnection } from "./connection.ts";
import type { ClassicCounts } from "./counts.ts";
import { Hall } from "./hall.ts";
import type { ClassicSocketOptions } from "./options.ts";

/** Where classic devices connect. */
export const CLASSIC_PATH = "/ws";

/** The classic gateway for WebSocket, once it has been opened. */
export interface ClassicGateway {
  readonly connections: number;
  readonly counts: ClassicCounts;
  /** Users of whom a phone is logged in: each has a table of slots. */
  readonly users: number;
  /** The session of the phone with a slot, if it is logged in. */
  findPhone(user: string, slot: number): string | undefined;
  /** Takes no more connections and closes those there are, piece by piece. */
  drain(deadlineMs: number): Promise<void>;
  /** Closes what is left and stops the gateway's timer. */
  close(): void;
}

/** Connections closed per step of a drain, and the pause between two steps. */
const DRAIN_STEP = 500;
const DRAIN_PAUSE_MS = 20;
/** Messages a little too large are counted as such; uWebSockets.js cuts the rest. */
const PAYLOAD_FACTOR = 2;

/** Opens the classic gateway on an app that is not listening yet. */
export function openClassicGateway(options: ClassicSocketOptions): ClassicGateway {
  const { app, clock, limits } = options;
  const hall = new Hall(options);
  app.ws<{ connection: ClassicConnection }>(CLASSIC_PATH, {
    compression: 0,
    maxPayloadLength: limits.messageBytesMax * PAYLOAD_FACTOR,
    maxBackpressure: limits.unsentBytesMax * 2 + limits.messageBytesMax,
    closeOnBackpressureLimit: 0,
    // Each device says for itself how long it may be silent; pings would confuse the oldest.
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade(res, req, context) {
      const from = remoteAddress(res.getRemoteAddressAsText());
      const address = hall.admit(from);
      if (address === undefined) {
        res.cork(() => res.writeStatus("503 Service Unavailable").end(wireText(BUSY)));
        return;
      }
      const connection = new ClassicConnection(hall, address, from);
      const key = req.getHeader("sec-websocket-key");
      res.upgrade({ connection }, key, req.getHeader("sec-websocket-protocol"), "", context);
    },
    open: (ws) => connectionOf(ws).opened(ws),
    message: (ws, bytes, isBinary) => connectionOf(ws).receive(bytes, isBinary),
    drain: (ws) => connectionOf(ws).drained(),
    close: (ws, code, text) => connectionOf(ws).closed(code, text),
  });
  return {
    get connections() {
      return hall.open.size;
    },
    get users() {
      return hall.slots.users;
    },
    counts: hall.counts,
    findPhone: hall.device.findPhone,
    drain(deadlineMs) {
      hall.isDraining = true;
      const endsAt = clock.monotonic() + deadlineMs;
      return new Promise((resolve) => {
        const step = (): void => {
          const isLate = clock.monotonic() >= endsAt;
          hall.closeSome(isLate ? hall.open.size : DRAIN_STEP);
          if (hall.open.size === 0) return resolve();
          clock.after(DRAIN_PAUSE_MS, step);
        };
        step();
      });
    },
    close: () => hall.stop(),
  };
}

const BUSY = "the node has as many connections as it may have, or as one address may have";

/** What the upgrade has put on a socket. */
function connectionOf(ws: object): ClassicConnection {
  return (ws as { readonly connection: ClassicConnection }).connection;
}
