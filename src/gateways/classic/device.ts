import { Buffer } from "node:buffer";
import type { Ref } from "../../actors/kernel/actor.ts";
import type {
  ConnectionMessage,
  DeviceFrame,
  SessionMessage,
} from "../../actors/session/messages.ts";
import type { Clock } from "../../core/clock.ts";
import type { DeviceRequest } from "../../core/device-request.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { STATUS_EVENTS, STATUS_TOPIC } from "../../core/relations.ts";
import { type Fields, isFields } from "../protocol/fields.ts";
import { toSessionMessage } from "../protocol/session-frames.ts";
import type { ClassicCounts } from "./counts.ts";
import { type ClassicMessage, MESSAGE_IDS, writeMessage } from "./data.ts";
import { CLASSIC_TOPIC } from "./envelope.ts";
import { classicId } from "./ids.ts";
import { type Inward, type Reading, readInward, type Self } from "./inward.ts";
import { type Outward, type Sequence, writeOwn, writeParcel, writeStatusOf } from "./outward.ts";
import { writeStatus } from "./status.ts";

/** What all classic devices of a node share. */
export interface DeviceDeps extends Reading {
  readonly clock: Clock;
  readonly counts: ClassicCounts;
  /** Largest message in either direction, in bytes. */
  readonly messageBytesMax: number;
  /** How long messages are kept for those who are away; 0: they are not. */
  readonly keepMs: number;
}

/** What takes messages to a device. */
export interface Carrier {
  /** False when they cannot be taken now. */
  write(bytes: Buffer): boolean;
  /** Whether what it takes arrives while it lasts, so that it counts as confirmed. */
  readonly isReliable: boolean;
}

/** What a device is told when its upload, or its command, has come to something. */
export type Settled = (
  outcome: { readonly ok: true } | { readonly ok: false; readonly code: ErrorCode },
) => void;

type Pending =
  | { readonly type: "send"; readonly destination: bigint }
  | { readonly type: "own"; readonly settled: Settled };

/** What an acknowledgement of the device is: an answer to another device, or of a push. */
type Owed =
  | { readonly type: "answer"; readonly request: number }
  | { readonly type: "confirmation"; readonly offset: number };

/** A request without its id, which the device here gives it. */
type Asked<Request = DeviceRequest> = Request extends { readonly id: number }
  ? Omit<Request, "id">
  : never;

/** Requests of one device that have not been answered; more are refused. */
const PENDING_MAX = 256;
/** Messages whose answer or acknowledgement is known as such; the oldest are forgotten. */
const OWED_MAX = 64;
/** The topic of messages that were kept while their receiver was away. */
const KEPT_TOPIC = "message";

/**
 * A classic device that is logged in, whatever carries it: its messages become requests to its
 * session, and what the session says becomes messages.
 */
export class ClassicDevice {
  readonly self: Self;
  readonly #deps: DeviceDeps;
  readonly #carrier: Carrier;
  session: Ref<SessionMessage> | undefined = undefined;
  readonly #sequence: Sequence = { frame: 0, data: 0 };
  #requests = 0;
  readonly #pending = new Map<number, Pending>();
  /** What the device may confirm or answer, by what that will have in its header. */
  #owed: Map<string, Owed> | undefined = undefined;
  #knowsOfKick = false;

  constructor(deps: DeviceDeps, self: Self, carrier: Carrier) {
    this.#deps = deps;
    this.self = self;
    this.#carrier = carrier;
  }

  /** One message of the device. */
  receive(bytes: Buffer): void {
    const { counts, messageBytesMax } = this.#deps;
    counts.messageIn();
    if (bytes.length > messageBytesMax) return counts.drop("too-large");
    const asked = readInward(bytes, this.self, this.#deps);
    switch (asked.type) {
      case "refused":
        return counts.drop(asked.reason);
      case "upload":
        return this.upload(asked, ({ ok }) => {
          if (ok) this.#acknowledge(asked.message);
        });
      case "send":
        return this.#send(asked);
    }
  }

  /** Passes an upload on; `settled` once the broker has it, or not. */
  upload(asked: Extract<Inward, { type: "upload" }>, settled: Settled): void {
    const { kind, payload, key } = asked;
    const named = key === undefined ? {} : { key };
    this.request({ type: "upload", kind, payload, ...named }, settled);
  }

  /** Asks the session for something; `settled` when it is answered. */
  request(asked: Asked, settled: Settled): void {
    if (!this.#ask(asked, { type: "own", settled })) settled({ ok: false, code: "mailbox.full" });
  }

  /** What the session says; `close` and `welcome` are the carrier's. */
  take(message: ConnectionMessage): void {
    switch (message.type) {
      case "push":
        return this.#push(message.push);
      case "frame":
        return this.#frame(message.frame);
      case "publication":
        return this.#deps.counts.drop("no-words");
      default:
    }
  }

  /** Tells a phone that it is put out, unless it knows already. */
  sayKicked(reason: string): void {
    if (this.self.kind !== "phone" || this.#knowsOfKick) return;
    const type = STATUS_EVENTS["user.kicked"];
    this.#writeStatus(type, this.self.number, Buffer.from(reason));
  }

  #send(asked: Extract<Inward, { type: "send" }>): void {
    const { message, destination, to, payload } = asked;
    if (message?.data.isAck && this.#settle(message, payload)) return;
    const { keepMs } = this.#deps;
    const kept = keepMs === 0 ? {} : { keepMs };
    const pending: Pending = { type: "send", destination };
    this.#ask({ type: "send", to, topic: CLASSIC_TOPIC, payload, ...kept }, pending);
  }

  #ask(asked: Asked, pending: Pending): boolean {
    const { session } = this;
    if (session === undefined || this.#pending.size >= PENDING_MAX) {
      this.#deps.counts.drop("busy");
      return false;
    }
    const id = ++this.#requests;
    this.#pending.set(id, pending);
    if (session.send(toSessionMessage({ ...asked, id } as Extract<DeviceRequest, { id: number }>)))
      return true;
    this.#pending.delete(id);
    this.#deps.counts.drop("busy");
    return false;
  }

  /** Whether it answers another device, or confirms a push. */
  #settle(message: ClassicMessage, payload: unknown): boolean {
    const key = owedKey(message);
    const owed = this.#owed?.get(key);
    if (owed === undefined) return false;
    this.#owed!.delete(key);
    const said: SessionMessage =
      owed.type === "answer"
        ? toSessionMessage({ type: "answer", request: owed.request, payload })
        : { type: "ack", offsets: [owed.offset], upTo: -1 };
    if (this.session?.send(said) !== true) this.#deps.counts.drop("busy");
    return true;
  }

  #frame(frame: DeviceFrame): void {
    if (frame.type === "message") {
      const { from, payload, request } = frame;
      const sent = this.#deliver(
        writeParcel({ from, payload }, this.self, this.#sequence, this.#writing),
      );
      if (request !== undefined) this.#owe(sent?.message, { type: "answer", request });
      return;
    }
    const id = "id" in frame ? frame.id : undefined;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id!);
    if (frame.type !== "error") {
      if (pending.type === "own") pending.settled({ ok: true });
      return;
    }
    const { code } = frame;
    this.#deps.counts.drop("refused");
    if (pending.type === "own") pending.settled({ ok: false, code });
    else if (code === "route.offline") this.#sayOffline(pending.destination);
  }

  #owe(message: ClassicMessage | undefined, owed: Owed): void {
    if (message === undefined) return;
    this.#owed ??= new Map();
    const key = owedKey(message);
    this.#owed.delete(key);
    const oldest = this.#owed.size < OWED_MAX ? undefined : this.#owed.keys().next();
    if (oldest?.value !== undefined) this.#owed.delete(oldest.value);
    this.#owed.set(key, owed);
  }

  /** The old words for "nobody is there": a phone is told that the board is offline. */
  #sayOffline(destination: bigint): void {
    if (this.self.kind !== "phone") return;
    if (classicId(destination, this.#deps.space)?.kind !== "board") return;
    this.#writeStatus(STATUS_EVENTS["device.offline"], destination, Buffer.alloc(0));
  }

  #writeStatus(type: number, id: bigint, payload: Buffer): void {
    const body = writeStatus({ type, id, payload });
    const { self } = this;
    this.#deliver(writeOwn(MESSAGE_IDS.status, body, self, this.#sequence, this.#writing));
  }

  #push(push: Extract<ConnectionMessage, { type: "push" }>["push"]): void {
    const { topic, offset, ack } = push;
    const payload = parse(push.payload);
    const written = this.#deliver(this.#pushed(topic, payload));
    if (written === undefined) return;
    if (isFields(payload) && payload["type"] === STATUS_EVENTS["user.kicked"]) {
      this.#knowsOfKick = true;
    }
    if (offset === undefined || !ack) return;
    // Boards in the field do not confirm what the server itself tells them.
    if (this.#carrier.isReliable || topic === STATUS_TOPIC) {
      this.session?.send({ type: "ack", offsets: [offset], upTo: -1 });
    } else this.#owe(written.message, { type: "confirmation", offset });
  }

  #pushed(topic: string, payload: unknown): Outward {
    const { self } = this;
    if (topic === STATUS_TOPIC) {
      return writeStatusOf(payload, self, this.#sequence, this.#writing);
    }
    const parcel = topic === KEPT_TOPIC ? keptParcel(payload) : { from: "", payload };
    return writeParcel(parcel, self, this.#sequence, this.#writing);
  }

  #deliver(outward: Outward): Extract<Outward, { type: "bytes" }> | undefined {
    const { counts } = this.#deps;
    if (outward.type === "dropped") {
      counts.drop(outward.reason);
      return undefined;
    }
    if (!this.#carrier.write(outward.bytes)) {
      counts.drop("unsent");
      return undefined;
    }
    counts.messageOut();
    return outward;
  }

  #acknowledge(message: ClassicMessage): void {
    const bytes = acknowledgement(message, Buffer.alloc(0));
    this.#deliver({ type: "bytes", bytes, message });
  }

  get #writing() {
    const { space, clock, messageBytesMax } = this.#deps;
    return { space, bytesMax: messageBytesMax, now: clock.now() };
  }
}

/** A reply: the headers of what it answers with both marks set, and new checks. */
export function acknowledgement({ frame, data }: ClassicMessage, body: Buffer): Buffer {
  return writeMessage({ frame, data: { ...data, isAck: true, isRead: true }, body });
}

function owedKey({ data }: ClassicMessage): string {
  return `${data.messageId}:${data.sequence}`;
}

function keptParcel(payload: unknown): { readonly from: string; readonly payload: unknown } {
  const kept: Fields = isFields(payload) ? payload : {};
  const { from, payload: inner } = kept;
  return { from: typeof from === "string" ? from : "", payload: inner };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
