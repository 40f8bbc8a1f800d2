import { connect, type Socket } from "node:net";

/** A server that has read the end of a connection closes it; one that has not is stuck. */
const STUCK_AFTER_MS = 10_000;
const KEPT_BYTES_MAX = 65_536;

/** A TCP connection on which anything may be said, and that may end at any moment. */
export class RawSocket {
  /** Resolves when the connection is gone, whoever ended it; rejects when nobody does. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #received = "";
  #look: () => void = () => {};

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket = socket;
    socket.setTimeout(STUCK_AFTER_MS, () => socket.destroy(new Error("the node did not close")));
    socket.on("data", (data) => {
      this.#received = (this.#received + data.toString("latin1")).slice(-KEPT_BYTES_MAX);
      this.#look();
    });
    this.closed = new Promise((resolve, reject) => {
      // That the other side closes first, while we still write, is its right.
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (!/^(ECONNRESET|EPIPE)$/.test(error.code ?? "")) reject(error);
      });
      socket.on("close", () => resolve());
    });
  }

  write(data: string | Uint8Array): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(data);
  }

  /** Whether this text came; false when the connection ended first. */
  async heard(text: string): Promise<boolean> {
    const came = new Promise<boolean>((resolve) => {
      this.#look = () => {
        const at = this.#received.indexOf(text);
        if (at < 0) return;
        this.#received = this.#received.slice(at + text.length);
        resolve(true);
      };
      this.#look();
    });
    return Promise.race([came, this.closed.then(() => false)]);
  }

  end(): void {
    this.#socket.end();
  }

  /** Ends it as a process that dies does. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }
}
