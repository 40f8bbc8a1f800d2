import type { OpenNetwork } from "../../clients/udp/src/network.ts";
import type { Random } from "../../src/core/random.ts";
import type { VirtualClock } from "../testkit/virtual-clock.ts";

/** What becomes of datagrams, as shares of one. */
export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
}

type Receive = (
  datagram: Buffer,
  from: { readonly address: string; readonly port: number },
) => void;

/** One way takes so long, and a datagram that is late so much longer at most. */
const TRIP_MS = 25;
const LATE_MS = 120;

/**
 * A network between devices and a server on virtual time: it loses, repeats, delays, and gives a
 * device another address now and then, after which the old one leads nowhere.
 */
export class BadNetwork {
  weather: Weather = { loss: 0, duplication: 0, reordering: 0 };
  /** Nothing gets through. */
  isDown = false;
  moves = 0;
  carried = 0;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #devices = new Map<number, (datagram: Buffer) => void>();
  #toServer: Receive = () => {};
  #nextPort = 1024;

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  attach(server: Receive): void {
    this.#toServer = server;
  }

  /** What the server sends. */
  send(bytes: Uint8Array, port: number): void {
    const copy = Buffer.from(bytes);
    this.#carry(() => this.#devices.get(port)?.(copy));
  }

  /** A network for one device; `onMove` gives what moves it to another address. */
  open(onMove: (move: () => void) => void): OpenNetwork {
    return (receive) => {
      let port = this.#newPort(receive);
      let isOpen = true;
      onMove(() => {
        if (!isOpen) return;
        this.#devices.delete(port);
        port = this.#newPort(receive);
        this.moves += 1;
      });
      return {
        send: (datagram) => {
          const from = { address: "192.0.2.1", port };
          const copy = Buffer.from(datagram);
          this.#carry(() => this.#toServer(Buffer.from(copy), from));
        },
        close: () => {
          isOpen = false;
          this.#devices.delete(port);
        },
      };
    };
  }

  #newPort(receive: (datagram: Buffer) => void): number {
    this.#nextPort += 1;
    this.#devices.set(this.#nextPort, receive);
    return this.#nextPort;
  }

  #carry(arrive: () => void): void {
    const { loss, duplication, reordering } = this.weather;
    if (this.isDown || this.#random() < loss) return;
    const copies = this.#random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const lateMs = this.#random() < reordering ? this.#random() * LATE_MS : 0;
      this.carried += 1;
      this.#clock.after(TRIP_MS + lateMs, arrive);
    }
  }
}
