/** A relay for datagrams of one device on real sockets, through bad weather. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import type { OpenNetwork } from "../../clients/udp/src/network.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";

/** Shares of all datagrams. */
const LOSS = 0.1;
const DUPLICATION = 0.05;
const REORDERING = 0.2;

/** Loses, repeats and reorders what goes through it, and has another address when it is told to. */
export class BadDatagrams {
  readonly counts = { carried: 0, lost: 0, repeated: 0, late: 0 };
  readonly #port: number;
  readonly #random: Random;
  #up: Socket;
  #toDevice: (datagram: Buffer) => void = () => {};

  private constructor(port: number, random: Random, up: Socket) {
    this.#port = port;
    this.#random = random;
    this.#up = up;
    onTestFinished(() => void this.#up.close());
  }

  static async open(port: number, seed: number): Promise<BadDatagrams> {
    const relay = new BadDatagrams(port, seededRandom(seed), await BadDatagrams.#bind());
    relay.#listen();
    return relay;
  }

  /** What a device uses in place of a socket. */
  get network(): OpenNetwork {
    return (receive) => {
      this.#toDevice = receive;
      let isOpen = true;
      return {
        send: (datagram) => {
          const copy = Buffer.from(datagram);
          if (isOpen) this.#carry(() => this.#up.send(copy, this.#port, "127.0.0.1"));
        },
        close: () => {
          isOpen = false;
        },
      };
    };
  }

  /** Goes on from another port, as behind a network that has forgotten the device. */
  async move(): Promise<void> {
    const old = this.#up;
    this.#up = await BadDatagrams.#bind();
    this.#listen();
    old.close();
  }

  static async #bind(): Promise<Socket> {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    return socket;
  }

  #listen(): void {
    this.#up.on("message", (datagram) => this.#carry(() => this.#toDevice(datagram)));
  }

  #carry(arrive: () => void): void {
    const { counts } = this;
    counts.carried += 1;
    if (this.#random() < LOSS) {
      counts.lost += 1;
      return;
    }
    const isRepeated = this.#random() < DUPLICATION;
    if (isRepeated) counts.repeated += 1;
    for (let copy = 0; copy < (isRepeated ? 2 : 1); copy += 1) {
      if (this.#random() < REORDERING) {
        counts.late += 1;
        // Behind all that is sent or comes in this turn.
        setImmediate(arrive);
      } else queueMicrotask(arrive);
    }
  }
}
