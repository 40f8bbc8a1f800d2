import { once } from "node:events";
import {
  type AddressInfo,
  createServer,
  type Server,
  type Socket,
  connect as toServer,
} from "node:net";

/** A network between a device and a node, which can fail: it passes TCP bytes on. */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: URL;

  constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    server.on("connection", (near) => this.#join(near));
  }

  /** A relay to the node at `target`, on a port of its own. */
  static async start(target: string): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Relay(server, new URL(target));
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** New connections go to another node. */
  redirect(target: string): void {
    this.#target = new URL(target);
  }

  /** Breaks every connection there is. */
  drop(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /**
   * From here on the connections there are swallow all bytes, and the ends of either side, too:
   * each side has a connection whose other side is gone, as in a tunnel. New ones are as ever.
   */
  silence(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners("data").removeAllListeners("end").removeAllListeners("close");
      socket.on("data", () => {});
    }
  }

  close(): void {
    this.drop();
    this.#server.close();
  }

  #join(near: Socket): void {
    const { hostname, port } = this.#target;
    const far = toServer({ host: hostname, port: Number(port), allowHalfOpen: true });
    this.#pass(near, far);
    this.#pass(far, near);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (bytes) => to.write(bytes));
    from.on("end", () => to.end());
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
