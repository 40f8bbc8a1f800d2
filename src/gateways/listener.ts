import { RuntimeError } from "../core/errors.ts";
import { loadUws, type Uws } from "./websocket/uws.ts";

/** The app on which gateways register their routes before it listens. */
export type ListenerApp = ReturnType<Uws["App"]>;

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Files of the certificate and its key, in PEM; undefined: no TLS. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
}

/** One port, shared by the gateways that need TCP. */
export interface Listener {
  readonly app: ListenerApp;
  /**
   * Listens, once all routes are registered, and returns the port.
   *
   * @throws RuntimeError `config.invalid` when the address cannot be had.
   */
  listen(): number;
  /** Takes no more connections; those there are stay. */
  stopListening(): void;
  /** Ends everything on this port at once. */
  close(): void;
}

type ListenSocket = Parameters<Uws["us_listen_socket_close"]>[0];
type LocalPort = Uws["us_socket_local_port"];

/** The form of `listen` that the package's types lack. It answers before it returns. */
interface Listening {
  listen(
    host: string,
    port: number,
    options: number,
    done: (socket: ListenSocket | false) => void,
  ): void;
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`: without it two nodes on one port would share its connections. */
const EXCLUSIVE_PORT = 1;

/**
 * @throws RuntimeError `gateway.unsupported` where uWebSockets.js does not load, and
 * `config.invalid` when certificate and key are no pair that can be read.
 */
export function createListener({ host, port, tls }: ListenerOptions): Listener {
  const uws = loadUws();
  const app = tls === undefined ? uws.App() : appWithTls(uws, tls);
  let socket: ListenSocket | undefined;
  return {
    app,
    listen() {
      (app as unknown as Listening).listen(host, port, EXCLUSIVE_PORT, (listening) => {
        if (listening !== false) socket = listening;
      });
      if (socket === undefined) {
        const problem = {
          path: "listen",
          expected: "an address that is free",
          got: `${host}:${port}`,
        };
        const message = `cannot listen on ${host}:${port}: the address is taken or not ours`;
        throw new RuntimeError("config.invalid", message, { problems: [problem] });
      }
      return uws.us_socket_local_port(socket as unknown as Parameters<LocalPort>[0]);
    },
    stopListening() {
      if (socket !== undefined) uws.us_listen_socket_close(socket);
      socket = undefined;
    },
    close() {
      socket = undefined;
      app.close();
    },
  };
}

function appWithTls(uws: Uws, tls: NonNullable<ListenerOptions["tls"]>): ListenerApp {
  const { certFile, keyFile } = tls;
  try {
    return uws.SSLApp({ cert_file_name: certFile, key_file_name: keyFile });
  } catch (cause) {
    const expected = "files in PEM, a certificate and its key";
    const problems = [{ path: "listen.certFile", expected, got: `${certFile}, ${keyFile}` }];
    const message = `cannot serve TLS with ${certFile} and ${keyFile}`;
    throw new RuntimeError("config.invalid", message, { problems, cause });
  }
}
