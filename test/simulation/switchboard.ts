import { addressOf, boardOf, kindOf } from "../../src/core/address.ts";
import type { Bonds } from "./bonds.ts";
import type { Wire } from "./fake-socket.ts";
import type { Judge, TalkingDevice } from "./talking-device.ts";

/** One send of a device, and everything that came of it. */
interface Sent {
  readonly key: string;
  readonly id: number;
  readonly device: TalkingDevice;
  readonly sessionId: string;
  readonly to: string;
  readonly wantsAnswer: boolean;
  /** What was written to its sender's connections about it. */
  readonly ends: Wire[];
  /** Ids of the sessions to whose connections it was written. */
  readonly receivers: string[];
  /** Versions of the relations between which it was looked at who may have it. */
  readonly from: number;
  until: number | undefined;
}

/** Judges what devices say to each other: who may have it, and that each has one end. */
export class Switchboard implements Judge {
  readonly complaints: string[] = [];
  readonly sends = new Map<string, Sent>();
  readonly ends: Record<string, number> = {};
  readonly #bonds: Bonds;
  /** The relations that every actor knew of, last time that was certain. */
  #certain = 0;

  constructor(bonds: Bonds) {
    this.#bonds = bonds;
  }

  /** Nothing is on its way inside the node. */
  settled(): void {
    this.#certain = this.#bonds.version;
  }

  send(device: TalkingDevice, to: string, more: object): void {
    const key = `k${this.sends.size}`;
    const id = device.request({ type: "send", to, payload: { key }, ...more });
    if (id === undefined) return;
    const { sessionId } = device;
    this.sends.set(key, {
      ...{ key, id, device, sessionId, to, wantsAnswer: "answerWithinMs" in more },
      ...{ ends: [], receivers: [], from: this.#certain, until: undefined },
    });
  }

  complain(what: string): void {
    this.complaints.push(what);
  }

  written(device: TalkingDevice, frame: Wire): void {
    if (frame.type === "message") return this.#given(device, frame);
    if (frame.type !== "sent" && frame.type !== "answer" && frame.type !== "error") return;
    const send = this.#sendOf(device, frame["id"]);
    if (send === undefined) {
      if (frame.type === "error") return;
      return this.complain(`${device.name} got ${JSON.stringify(frame)} for nothing`);
    }
    send.ends.push(frame);
    send.until = this.#bonds.version;
    const word = frame.type === "error" ? String(frame["code"]) : frame.type;
    this.ends[word] = (this.ends[word] ?? 0) + 1;
    this.#judgeEnd(send, frame);
  }

  read(device: TalkingDevice, frame: Wire): void {
    if (frame.type !== "push" || frame["topic"] !== "message") return;
    const { payload } = frame["payload"] as { readonly payload: { readonly key: string } };
    this.#judgeReceiver(this.sends.get(payload.key)!, device, "kept");
    device.request({ type: "ack", offsets: [frame["offset"]] });
  }

  /** With nothing left to happen: what has no end, and whose session is still there. */
  silent(): string[] {
    const silent = [...this.sends.values()].filter(({ ends }) => ends.length === 0);
    return silent
      .filter(({ device, sessionId }) => device.sessionId === sessionId)
      .map(({ key, to, device }) => `${key} of ${device.name} to ${to} has no end`);
  }

  #given(device: TalkingDevice, frame: Wire): void {
    const { key } = frame["payload"] as { readonly key: string };
    const send = this.sends.get(key)!;
    const { principal } = send.device;
    if (frame["from"] !== addressOf(principal)) this.complain(`${key} is said to be of another`);
    if (device.sessionId === send.sessionId) this.complain(`${key} came back to its sender`);
    if (send.receivers.includes(device.sessionId)) this.complain(`${key} came twice`);
    send.receivers.push(device.sessionId);
    this.#judgeReceiver(send, device, "live");
  }

  #judgeReceiver(send: Sent, device: TalkingDevice, how: "live" | "kept"): void {
    const { key, to, from, until = this.#bonds.version } = send;
    const sender = send.device.principal;
    const { principal, sessionId } = device;
    const may = this.#bonds.wasAllowed(`${sender}>${principal}`, from, until);
    if (!may) this.complain(`${key} went from ${sender} to ${principal}, who may not have it`);
    // What is kept is the principal's, whichever of its sessions was meant.
    if (how === "kept" && to.startsWith("session:")) return;
    if (!this.#isMeant(send, principal, sessionId)) {
      this.complain(`${key} to ${to} went to ${principal} ${sessionId}`);
    }
  }

  #isMeant({ to, from, until }: Sent, principal: string, sessionId: string): boolean {
    if (to === "boards") return kindOf(principal) === "board";
    if (to === "phones") return kindOf(principal) === "phone";
    if (to.startsWith("session:")) return to === `session:${sessionId}`;
    if (!to.startsWith("family:")) return to === addressOf(principal);
    const last = until ?? this.#bonds.version;
    return (
      boardOf(principal) === undefined && this.#bonds.wasAllowed(`family>${principal}`, from, last)
    );
  }

  #judgeEnd(send: Sent, frame: Wire): void {
    const { key, ends, receivers, wantsAnswer } = send;
    if (ends.length > 1) {
      this.complain(`${key} has ends: ${ends.map((end) => JSON.stringify(end)).join(" ")}`);
    }
    if (frame.type === "answer") {
      const { answers } = (frame["payload"] ?? {}) as { readonly answers?: string };
      if (!wantsAnswer) this.complain(`${key} was answered and asked for none`);
      const from = String(frame["from"]).slice("session:".length);
      if (!receivers.includes(from)) this.complain(`${key} was answered by a stranger`);
      if (answers !== undefined && answers !== key) this.complain(`${key} got that of ${answers}`);
    }
    if (frame.type === "sent") {
      const { reached, kept } = frame as unknown as { reached: number; kept: number };
      if (wantsAnswer) this.complain(`${key} was only sent`);
      if (reached + kept === 0) this.complain(`${key} was sent to nobody`);
      if (receivers.length > reached) this.complain(`${key} reached more than ${reached}`);
    }
    const isRefused = frame["code"] === "route.forbidden" || frame["code"] === "route.offline";
    if (isRefused && receivers.length > 0) this.complain(`${key} was refused, and came`);
  }

  #sendOf(device: TalkingDevice, id: unknown): Sent | undefined {
    return [...this.sends.values()].find((it) => it.device === device && it.id === id);
  }
}
