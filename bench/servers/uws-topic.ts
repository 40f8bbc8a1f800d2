/** Bare uWebSockets.js: publishes what it gets to everybody, by its own pub/sub. */
import { loadUws } from "../../src/gateways/websocket/uws.ts";
import { answerParent } from "../load/child.ts";

const uws = loadUws();
const TOPIC = "news";
const app = uws.App();
const port = await new Promise<number>((resolve) => {
  app
    .ws("/*", {
      compression: 0,
      // Subscribers here only listen, and answer no pings.
      idleTimeout: 0,
      maxPayloadLength: 65_536,
      // It says a word to who subscribes, as Herald does; what is not a word is published.
      message: (ws, message, isBinary) => {
        if (message.byteLength > WORD_MAX) return void app.publish(TOPIC, message, isBinary);
        ws.subscribe(TOPIC);
        ws.send(message, isBinary);
      },
    })
    .listen("0.0.0.0", 0, (socket) => {
      resolve(uws.us_socket_local_port(socket as unknown as Parameters<Port>[0]));
    });
});

type Port = typeof uws.us_socket_local_port;

/** Bytes of a message that subscribes, at most. */
const WORD_MAX = 64;

answerParent({ port: () => port });
