/** Bare uWebSockets.js: sends back what it gets. The limit of what any server here can do. */
import type { WebSocket } from "uWebSockets.js";
import { loadUws } from "../../src/gateways/websocket/uws.ts";
import { answerParent } from "../load/child.ts";
import { residentBytes } from "./resident.ts";

const uws = loadUws();
const sockets = new Set<WebSocket<unknown>>();
const port = await new Promise<number>((resolve) => {
  uws
    .App()
    .ws("/*", {
      compression: 0,
      idleTimeout: 60,
      maxPayloadLength: 65_536,
      open: (ws) => void sockets.add(ws),
      message: (ws, message, isBinary) => void ws.send(message, isBinary, false),
      close: (ws) => void sockets.delete(ws),
    })
    .listen("0.0.0.0", 0, (socket) => {
      resolve(uws.us_socket_local_port(socket as unknown as Parameters<Port>[0]));
    });
});

type Port = typeof uws.us_socket_local_port;

answerParent({
  port: () => port,
  memory: residentBytes,
  connections: () => sockets.size,
  /** Sends the same bytes to everybody in one loop; returns how long that took, in ms. */
  fanout({ bytes, isBinary }: { bytes: Uint8Array; isBinary: boolean }) {
    const start = performance.now();
    for (const socket of sockets) socket.send(bytes, isBinary, false);
    return performance.now() - start;
  },
});
