import type { HttpRequest, HttpResponse, us_socket_context_t } from "uWebSockets.js";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import type { Codec } from "../protocol/codec.ts";
import { jsonCodec } from "../protocol/json.ts";
import { msgpackCodec } from "../protocol/msgpack.ts";
import { networkOf, remoteAddress } from "../remote-address.ts";
import { wireText } from "../wire-text.ts";
import { ConnectGate } from "./connect-gate.ts";
import { Connection } from "./connection.ts";
import type { UpgradeRefusal } from "./counts.ts";
import type { Departures } from "./departures.ts";
import type { Hub } from "./hub.ts";
import { Login } from "./login.ts";
import type { WebSocketOptions } from "./options.ts";

const CODECS: ReadonlyMap<string, Codec> = new Map(
  [jsonCodec, msgpackCodec].map((codec) => [codec.subprotocol, codec]),
);
/** Those for whom there is no room come back after about so long, each after another time. */
const RETRY_MS = 5000;

/** Takes a connection or refuses it, before any frame: subprotocol, limits, draining. */
export class Upgrader {
  readonly #hub: Hub;
  readonly #options: WebSocketOptions;

  readonly #departures: Departures;
  readonly #gate: ConnectGate;

  constructor(hub: Hub, departures: Departures, options: WebSocketOptions) {
    this.#hub = hub;
    this.#departures = departures;
    this.#options = options;
    this.#gate = new ConnectGate(options.limits, options);
  }

  upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    const hub = this.#hub;
    if (this.#departures.refuses) return this.refuse(res, "draining");
    if (!isHandshake(req)) return this.refuse(res, "handshake");
    if (req.getHeader("sec-websocket-version") !== "13") return this.refuse(res, "version");
    const codec = chooseCodec(req);
    if (codec === undefined) return this.refuse(res, "subprotocol");
    if (hub.connections >= hub.limits.connectionsMax) return this.refuse(res, "full");
    const from = remoteAddress(res.getRemoteAddressAsText());
    const network = networkOf(from);
    // Who finds no room is told to come again, and does: that alone must not get it banned.
    const address = hub.addresses.take(network);
    if (address === undefined) return this.refuse(res, "address");
    const wait = this.#gate.admit(network);
    if (wait !== undefined) {
      hub.addresses.release(address);
      return this.refuse(res, wait.reason, wait.retryAfterMs);
    }
    const connection = new Connection(hub, codec, address, new Login(this.#options, from));
    const key = req.getHeader("sec-websocket-key");
    // No extension is taken: compression costs memory per connection.
    res.upgrade({ connection }, key, codec.subprotocol, "", context);
  }

  refuse(res: HttpResponse, reason: UpgradeRefusal, retryAfterMs = this.#aWhile()): void {
    this.#hub.counts.refusedUpgrade(reason);
    const { status, code, message } = REFUSALS[reason];
    const { advice, retryable } = ERRORS[code];
    const retry = retryable ? { retryAfterMs } : {};
    const error = { code, message, advice, retryable, ...retry, problems: [] };
    res.cork(() => {
      res.writeStatus(status).writeHeader("Content-Type", "application/json");
      if (retryable) res.writeHeader("Retry-After", String(Math.ceil(retryAfterMs / 1000)));
      if (reason === "version") {
        // RFC 9110, section 15.5.22: a 426 says to what.
        res.writeHeader("Upgrade", "websocket").writeHeader("Connection", "Upgrade");
        res.writeHeader("Sec-WebSocket-Version", "13");
      }
      res.end(wireText(JSON.stringify({ error })));
    });
  }

  /** From half of it to one and a half. */
  #aWhile(): number {
    return Math.ceil(RETRY_MS * (0.5 + this.#options.random()));
  }
}

/**
 * Whether it asks for what uWebSockets.js gives to whoever has a key.
 *
 * @see RFC 6455, section 4.2.1
 */
function isHandshake(req: HttpRequest): boolean {
  const has = (header: string, option: string): boolean =>
    listOf(req, header).some((it) => it.toLowerCase() === option);
  return has("upgrade", "websocket") && has("connection", "upgrade");
}

/** The first of the offered subprotocols that there is; undefined if there is none. */
function chooseCodec(req: HttpRequest): Codec | undefined {
  const known = listOf(req, "sec-websocket-protocol").find((name) => CODECS.has(name));
  return known === undefined ? undefined : CODECS.get(known);
}

/**
 * What a header lists, over all its lines: proxies and clients may write it in several.
 *
 * @see RFC 9110, section 5.3
 */
function listOf(req: HttpRequest, header: string): string[] {
  const items: string[] = [];
  req.forEach((name, line) => {
    if (name === header) items.push(...line.split(","));
  });
  return items.map((it) => it.trim());
}

interface Refusal {
  readonly status: string;
  readonly code: ErrorCode;
  readonly message: string;
}

const REFUSALS: Readonly<Record<UpgradeRefusal, Refusal>> = {
  draining: {
    status: "503 Service Unavailable",
    code: "node.draining",
    message: "the node takes no devices at this time",
  },
  handshake: {
    status: "400 Bad Request",
    code: "protocol.invalid",
    message:
      "a WebSocket handshake has Connection: Upgrade, Upgrade: websocket, and a " +
      "Sec-WebSocket-Key of 24 characters",
  },
  version: {
    status: "426 Upgrade Required",
    code: "protocol.invalid",
    message: "Sec-WebSocket-Version must be 13",
  },
  subprotocol: {
    status: "400 Bad Request",
    code: "protocol.invalid",
    message: `Sec-WebSocket-Protocol must offer one of ${[...CODECS.keys()].join(", ")}`,
  },
  address: {
    status: "503 Service Unavailable",
    code: "gateway.busy",
    message: "the address has as many connections as one may have",
  },
  "address-rate": {
    status: "503 Service Unavailable",
    code: "gateway.busy",
    message: "the address connects faster than one may",
  },
  rate: {
    status: "503 Service Unavailable",
    code: "gateway.busy",
    message: "more connect to the node than it can log in at once",
  },
  banned: {
    status: "429 Too Many Requests",
    code: "gateway.banned",
    message: "the address has connected too often",
  },
  full: {
    status: "503 Service Unavailable",
    code: "gateway.busy",
    message: "the node has as many connections as it may have",
  },
};
