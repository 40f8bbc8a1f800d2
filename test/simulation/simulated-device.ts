import type { Ref } from "../../src/actors/kernel/actor.ts";
import type { SessionMessage } from "../../src/actors/session/messages.ts";
import type { Random } from "../../src/core/random.ts";
import type { Device, SessionNode } from "../testkit/session-node.ts";

/**
 * A client that checks what it is sent against the protocol's promises.
 *
 * It reads its connection bit by bit, so that a drop loses what it had not read. It remembers
 * everything it has ever received, also over restarts of the node.
 */
export class SimulatedDevice {
  readonly user: string;
  readonly name: string;
  readonly complaints: string[] = [];
  readonly #random: Random;
  /** Offsets received on any connection. */
  readonly seen = new Set<number>();
  #session: Ref<SessionMessage> | undefined;
  #connection: Device | undefined;
  #read = 0;
  #last = 0;
  #welcomed = false;
  /** Everything above this offset has to come on this connection, unless it was settled. */
  #promisedAbove = 0;
  #claimed = -1;
  readonly #here = new Set<number>();
  readonly #unconfirmed = new Set<number>();
  /** Confirmed in this session, by confirmations that the session has handled. */
  readonly #confirmed = new Set<number>();
  #handled = -1;

  constructor(user: string, name: string, random: Random) {
    this.user = user;
    this.name = name;
    this.#random = random;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  connect(node: SessionNode): void {
    if (this.#connection !== undefined) return;
    const alive = this.#session !== undefined && node.system.snapshot(this.#session) !== undefined;
    const resumes = alive && this.#random() < 0.8;
    this.#claimed = this.#chooseClaim();
    if (!resumes) {
      this.#session = node.openSession(this.user, this.name);
      this.#confirmed.clear();
    }
    this.#connection = node.attach(this.#session!, this.#claimed);
    this.#read = 0;
    this.#last = 0;
    this.#welcomed = false;
    this.#here.clear();
    this.#unconfirmed.clear();
  }

  /** The connection is lost, with whatever was not read; the server hears of it or is dead. */
  drop(): void {
    this.#connection?.drop();
    this.#connection = undefined;
  }

  /** Reads up to `most` frames. */
  read(most: number): void {
    for (let n = 0; n < most; n++) {
      const frame = this.#connection?.connection.received[this.#read];
      if (frame === undefined) return;
      this.#read++;
      if (frame.type === "welcome") this.#welcome(frame);
      else if (frame.type === "push") this.#push(frame.push.offset!, frame.push.ack, frame);
      else if (frame.type === "when-drained") this.#session!.send({ type: "drained" });
      else if (frame.type === "close") this.#connection = undefined;
    }
  }

  /** Confirms some of what was received, or all. Settle before reading on. */
  confirm(all: boolean): void {
    if (this.#connection === undefined || this.#unconfirmed.size === 0) return;
    const offsets = [...this.#unconfirmed].filter(() => all || this.#random() < 0.5);
    const upTo = Math.max(...offsets);
    if (offsets.length === this.#unconfirmed.size && this.#random() < 0.5) {
      this.#connection.ackUpTo(upTo);
    } else this.#connection.ack(...offsets);
    for (const offset of offsets) {
      this.#unconfirmed.delete(offset);
      this.#confirmed.add(offset);
    }
  }

  /** With everything read: what was promised and neither came here nor was settled for a reason. */
  missing(head: number, excused: (offset: number) => boolean): number[] {
    const missing: number[] = [];
    for (let offset = this.#promisedAbove + 1; offset <= head; offset++) {
      if (!this.#here.has(offset) && !excused(offset)) missing.push(offset);
    }
    return missing;
  }

  get welcomed(): boolean {
    return this.#welcomed;
  }

  #welcome(frame: NonNullable<ReturnType<Device["welcome"]>>): void {
    if (this.#welcomed) this.#complain("was welcomed twice");
    this.#welcomed = true;
    const { recovered, gap, head } = frame;
    if (recovered && gap !== undefined) this.#complain("recovered with a gap");
    if (recovered && this.#claimed < 0) this.#complain("recovered without a claim");
    this.#promisedAbove = recovered ? this.#claimed : (gap?.upTo ?? head);
  }

  #push(offset: number, ack: boolean, { redelivered }: { readonly redelivered: boolean }): void {
    const flag = redelivered ? "flagged" : "unflagged";
    if (!this.#welcomed) this.#complain(`got ${offset} before the welcome`);
    if (offset <= this.#last) this.#complain(`got ${offset} after ${this.#last}`);
    if (this.seen.has(offset) && !redelivered) this.#complain(`got ${offset} again, ${flag}`);
    if (this.#confirmed.has(offset)) this.#complain(`got ${offset}, which it had confirmed`);
    this.#last = offset;
    this.seen.add(offset);
    this.#here.add(offset);
    if (ack) this.#unconfirmed.add(offset);
    this.#handled = Math.max(this.#handled, offset);
  }

  #chooseClaim(): number {
    const chance = this.#random();
    if (chance < 0.2) return -1;
    if (chance < 0.4) return Math.floor(this.#random() * (this.#handled + 1));
    return Math.max(this.#handled, 0);
  }

  #complain(what: string): void {
    this.complaints.push(`${this.user}/${this.name} ${what}`);
  }
}
