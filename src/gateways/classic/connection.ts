import { Buffer } from "node:buffer";
import type { Ref } from "../../actors/kernel/actor.ts";
import { sendAnyway } from "../../actors/kernel/external.ts";
import type {
  CloseReason,
  ConnectionMessage,
  SessionMessage,
} from "../../actors/session/messages.ts";
import { BOARD_DEVICE } from "../../core/device-secret.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { departureOf } from "../websocket/counts.ts";
import { type Bucket, payFrame } from "../websocket/frame-rate.ts";
import type { Use } from "../websocket/use-counts.ts";
import { type Carrier, ClassicDevice } from "./device.ts";
import type { Guest, Hall } from "./hall.ts";
import { silenceSeconds } from "./heartbeat.ts";
import { PHONES_PER_USER } from "./ids.ts";
import type { Self } from "./inward.ts";
import { LOGIN_ERRORS, type LoginError } from "./login.ts";
import { noteRefused, whoLogsIn } from "./who.ts";

/** What a connection needs of a socket of uWebSockets.js. */
export interface ClassicSocket {
  send(content: string | Uint8Array, isBinary: boolean, compress: boolean): number;
  end(code: number, message: string): void;
  getBufferedAmount(): number;
}

/** What a device says to be there, and what it is answered. */
const HEARTBEAT = { ask: "p", answer: "P" } as const;
/** The session's number for heartbeats; nobody sees it. */
const PING = 0;
/** The result of a `send` that was not taken. */
const DROPPED = 2;

/** What a device is told whose session ends before it has begun. */
const REFUSALS: Readonly<Partial<Record<CloseReason, LoginError>>> = {
  "too-many-sessions": "elsewhere",
  replaced: "elsewhere",
  kicked: "password",
  unauthorized: "password",
};

/** A WebSocket of a classic device, and the ref of it that its session sends to. */
export class ClassicConnection implements Ref<ConnectionMessage>, Guest, Bucket, Carrier {
  readonly isReliable = true;
  readonly hall: Hall;
  readonly address: Use;
  /** Where it connects from. */
  readonly from: string;
  socket: ClassicSocket | undefined = undefined;
  /** Once the log-in was right; `isWelcome` once it is complete. */
  device: ClassicDevice | undefined = undefined;
  isWelcome = false;
  /** When it ends unless something comes first, in the hall's beats. */
  deadline: number;
  previous: Guest | undefined = undefined;
  next: Guest | undefined = undefined;
  credit: number;
  creditAt: number;
  sessionId = "";
  #silence = 0;
  #slot = 0;
  #tellsDrained = false;
  /** The session has said `close`, or is known to have ended: it needs no `detach`. */
  #sessionKnows = false;

  constructor(hall: Hall, address: Use, from: string) {
    const { clock, limits } = hall.options;
    this.hall = hall;
    this.address = address;
    this.from = from;
    this.deadline = hall.beats.in(limits.loginTimeoutMs);
    this.credit = limits.framesBurst * 1000;
    this.creditAt = clock.monotonic() | 0;
  }

  get node(): string {
    return "";
  }

  get path(): string {
    return `/classic/${this.sessionId}`;
  }

  get incarnation(): number {
    return 0;
  }

  opened(socket: ClassicSocket): void {
    this.socket = socket;
    this.hall.open.add(this);
  }

  /** A message for the device. */
  write(bytes: Buffer): boolean {
    return this.#write(bytes, true);
  }

  /** Called by the session's effects. */
  send(message: ConnectionMessage): boolean {
    if (this.socket === undefined) return false;
    switch (message.type) {
      case "welcome":
        this.#welcome();
        return true;
      case "pong":
        this.#write(HEARTBEAT.answer, false);
        return true;
      case "when-drained":
        this.#tellsDrained = true;
        queueMicrotask(() => this.drained());
        return true;
      case "close":
        this.#sessionKnows = true;
        this.#closedBySession(message.reason, message.message);
        return true;
      default:
        this.device?.take(message);
        return true;
    }
  }

  /** One message of the socket. `bytes` is gone when this returns. */
  receive(bytes: ArrayBuffer, isBinary: boolean): void {
    if (this.socket === undefined) return;
    const { hall, device } = this;
    if (!this.#isPaid()) return;
    if (device === undefined) return this.#login(isBinary ? "" : Buffer.from(bytes).toString());
    this.#heard();
    if (isBinary) {
      if (this.isWelcome) device.receive(Buffer.from(new Uint8Array(bytes)));
      else hall.counts.drop("busy");
      return;
    }
    if (Buffer.from(bytes).toString() !== HEARTBEAT.ask) return hall.counts.drop("malformed");
    // It is the session that answers: a device learns that more than a socket is left.
    const isTaken = this.isWelcome && device.session?.send({ type: "ping", id: PING }) === true;
    if (!isTaken) this.#write(HEARTBEAT.answer, false);
  }

  /** Some unsent bytes have gone out. */
  drained(): void {
    const { socket, hall } = this;
    if (socket === undefined || !this.#tellsDrained) return;
    if (socket.getBufferedAmount() > hall.options.limits.unsentBytesMax >> 2) return;
    this.#tellsDrained = false;
    this.device?.session?.send({ type: "drained" });
  }

  overdue(): void {
    if (this.isWelcome) this.close("heartbeat-lost");
    else if (this.device === undefined) this.close("hello-timeout");
    else this.#refuse("server", "busy");
  }

  /** Ends the connection and says nothing more than the close code. */
  close(reason: CloseReason): void {
    const { socket, hall } = this;
    if (socket === undefined) return;
    this.socket = undefined;
    hall.counts.closed(reason);
    socket.end(CLOSE_CODES[reason], reason);
    this.#left(reason);
  }

  /** The other side has gone, or the network has; `message` is gone when this returns. */
  closed(code: number, message: ArrayBuffer): void {
    if (this.socket === undefined) return;
    this.socket = undefined;
    const why = departureOf(code, message);
    this.hall.counts.closed(why);
    this.#left(why);
  }

  #login(text: string): void {
    const { hall, from } = this;
    const who = whoLogsIn(text, hall, from);
    if (!who.ok) return this.#refuse(who.error, "unauthorized");
    const { identity, login } = who;
    const { principal, kind } = identity;
    this.sessionId = hall.options.newId("s");
    this.#silence = silenceSeconds(login.timeout, hall.options.space.bits);
    const takesSlot = kind === "phone" && hall.options.space.hasSlots;
    const slot = takesSlot ? hall.slots.take(principal, this) : 0;
    if (slot === undefined) {
      const message = `the user has ${PHONES_PER_USER - 1n} phones logged in already`;
      noteRefused(principal, { code: "gateway.busy", message }, hall.options, from);
      return this.#refuse("device", "too-many-sessions");
    }
    this.#slot = slot;
    const sign = login.id < 0n ? -1n : 1n;
    const self: Self = { kind, principal, number: login.id + sign * BigInt(slot) };
    this.device = new ClassicDevice(hall.device, self, this);
    this.#attach(self);
  }

  #attach({ principal, kind }: Self): void {
    const { hall, device, sessionId } = this;
    const { openSession, space } = hall.options;
    const isSlot = kind === "phone" && space.hasSlots;
    // Without slots one number may be there many times: the log-in policy says how often.
    const own = space.hasSlots ? BOARD_DEVICE : `classic-${sessionId}`;
    const session: Ref<SessionMessage> = openSession({
      ...{ id: sessionId, user: principal, device: isSlot ? `classic-${this.#slot}` : own },
    });
    device!.session = session;
    const from = { transport: "classic", address: this.from } as const;
    const isTaken = session.send({ type: "attach", connection: this, offset: -1, from });
    if (!isTaken) this.#refuse("server", "busy");
  }

  /** The session has the device's inbox: the log-in is complete. */
  #welcome(): void {
    this.isWelcome = true;
    this.hall.counts.login("ok");
    this.#heard();
    this.#write(this.#slot === 0 ? Buffer.of(0) : Buffer.of(0, this.#slot), true);
  }

  #refuse(error: LoginError, reason: CloseReason): void {
    this.hall.counts.login(error);
    this.#write(Buffer.of(LOGIN_ERRORS[error]), true);
    this.close(reason);
  }

  #closedBySession(reason: CloseReason, message: string | undefined): void {
    if (!this.isWelcome) {
      return this.#refuse(REFUSALS[reason] ?? "server", reason);
    }
    const isPutOut = reason === "kicked" || reason === "replaced";
    if (isPutOut) this.device?.sayKicked(message ?? reason);
    this.close(reason);
  }

  #heard(): void {
    if (this.isWelcome) this.deadline = this.hall.beats.in(this.#silence * 1000);
  }

  #write(content: string | Buffer, isBinary: boolean): boolean {
    const { socket, hall } = this;
    if (socket === undefined) return false;
    if (socket.getBufferedAmount() > hall.options.limits.unsentBytesMax) {
      this.close("slow");
      return false;
    }
    return socket.send(content, isBinary, false) !== DROPPED;
  }

  #isPaid(): boolean {
    const { clock, limits } = this.hall.options;
    const rate = { perSecond: limits.framesPerSecond, burst: limits.framesBurst };
    const verdict = payFrame(this, rate, clock.monotonic());
    if (verdict === "taken") return true;
    this.hall.counts.drop("rate");
    if (verdict === "hopeless") this.close("too-fast");
    return false;
  }

  /** A classic device cannot continue a session, so its own ends with the connection. */
  #left(why: string): void {
    const { hall, device } = this;
    hall.open.remove(this);
    hall.addresses.release(this.address);
    if (device === undefined) return;
    if (this.#slot > 0) hall.slots.release(device.self.principal, this.#slot, this);
    if (!this.#sessionKnows && device.session !== undefined) {
      sendAnyway(device.session, { type: "detach", connection: this, final: true, why });
    }
    device.session = undefined;
  }
}
