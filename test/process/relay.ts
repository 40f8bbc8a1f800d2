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
  #silent = false;

  constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    server.on("connection", (near) => this.#join(near));
  }

  /** A relay to the node at `target`, on a port of its own. */
  static async start(target: string): Promise<Relay> {
    const server = createServer().listen(0, "127.0.0.1");
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

  /** Bytes go nowhere, and nobody is told: what a phone sees in a tunnel. */
  set silent(silent: boolean) {
    this.#silent = silent;
  }

  close(): void {
    this.drop();
    this.#server.close();
  }

  #join(near: Socket): void {
    const far = toServer(Number(this.#target.port), this.#target.hostname);
    this.#pass(near, far);
    this.#pass(far, near);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (bytes) => {
      if (!this.#silent) to.write(bytes);
    });
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
