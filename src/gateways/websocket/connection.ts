import type { WebSocket } from "uWebSockets.js";
import type { Ref } from "../../actors/kernel/actor.ts";
import { sendAnyway } from "../../actors/kernel/external.ts";
import type {
  CloseReason,
  ConnectionMessage,
  DeviceFrame,
  Push,
  SessionMessage,
} from "../../actors/session/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import type { Codec, Encoded } from "../protocol/codec.ts";
import { type ClientFrame, idOf } from "../protocol/frames.ts";
import { errorFrame, kickFrame, toSessionMessage } from "../protocol/session-frames.ts";
import { departureOf } from "./counts.ts";
import { type Bucket, isPaid } from "./frame-rate.ts";
import { HeldPublications } from "./held-publications.ts";
import type { Guest, Hub, Parting } from "./hub.ts";
import { refresh } from "./refresh.ts";
import type { Use } from "./use-counts.ts";

/** The socket as uWebSockets.js gives it; `connection` is put there by the upgrade. */
export type Socket = WebSocket<{ connection: Connection }>;

/** What a connection is before its welcome: `Login`. */
export interface Reception {
  /** Whether a hello has been received. */
  readonly hasBegun: boolean;
  receive(connection: Connection, frame: ClientFrame): void;
  welcome(connection: Connection, message: Welcome): void;
}

type Welcome = Extract<ConnectionMessage, { type: "welcome" }>;
type Published = Omit<Extract<ConnectionMessage, { type: "publication" }>, "type">;

/** So many malformed frames in a row, but for requests with an id, are not worth an answer. */
const MALFORMED_MAX = 5;
/** Bytes that uWebSockets.js collects while corked. Beyond, it may have to keep some unsent. */
const CORK_BYTES = 16_384;
/** How long a client is asked to wait whose session or log-in has no room. */
const BUSY = { retryAfterMs: 1000 };

/**
 * One socket, and the ref of it that its session sends to.
 *
 * There may be a hundred thousand: what all share is in the hub, what is needed only before the
 * welcome is in `login`, and frames to be written are kept only until the turn's flush.
 * The socket must not be touched after its end, so `socket` is undefined from then on.
 */
export class Connection implements Ref<ConnectionMessage>, Guest, Bucket {
  readonly hub: Hub;
  readonly codec: Codec;
  readonly address: Use;
  socket: Socket | undefined = undefined;
  session: Ref<SessionMessage> | undefined = undefined;
  sessionId = "";
  /** Whose it is, once the credential is verified. */
  user: Use | undefined = undefined;
  /** Which of the user's devices it is, as its hello says. */
  device = "";
  /** Of a board's credential, the version of the secret that it came in with. */
  secretVersion: number | undefined = undefined;
  /** Until the welcome is sent. */
  login: Reception | undefined;
  /** When it ends unless something happens first: before the welcome in beats, then in seconds. */
  deadline: number;
  /** When it has lived long enough, in the hub's seconds. */
  endsAt = 0;
  heardAt = 0;
  previous: Guest | undefined = undefined;
  next: Guest | undefined = undefined;
  credit: number;
  creditAt: number;
  #malformed = 0;
  /** Frames that wait for the flush. */
  #out: Encoded | Encoded[] | undefined = undefined;
  /** Bytes of the publications among them. */
  #published = 0;
  #dirty = false;
  #tellsDrained = false;
  /** Whether the last flush left so much unsent that publications have to wait. */
  #isBehind = false;
  #held: HeldPublications | undefined = undefined;
  /** The session has said `close`, or is known to have ended: it needs no `detach`. */
  #sessionKnows = false;

  constructor(hub: Hub, codec: Codec, address: Use, login: Reception) {
    this.hub = hub;
    this.codec = codec;
    this.address = address;
    this.login = login;
    this.deadline = hub.beats.in(hub.limits.helloTimeoutMs);
    this.credit = hub.rate.burst * 1000;
    this.creditAt = hub.clock.monotonic() | 0;
  }

  get node(): string {
    return "";
  }

  get path(): string {
    return `/connections/${this.sessionId}`;
  }

  get incarnation(): number {
    return 0;
  }

  get isWelcome(): boolean {
    return this.login === undefined;
  }

  /** The upgrade is done: it may be written to. */
  opened(socket: Socket): void {
    this.socket = socket;
    this.hub.waiting.add(this);
  }

  /** Has found its session, which will welcome it. */
  joins(sessionId: string, session: Ref<SessionMessage>): void {
    this.sessionId = sessionId;
    this.session = session;
  }

  /** The log-in is complete; the credential is good until then. */
  welcomed(deadline: number): void {
    this.hub.waiting.remove(this);
    this.login = undefined;
    this.endsAt = this.hub.endOfLife();
    this.deadline = Math.min(deadline, this.endsAt);
    this.heardAt = this.hub.beats.count;
    this.hub.open.add(this);
  }

  /** Called by the session's effects. */
  send(message: ConnectionMessage): boolean {
    if (this.socket === undefined) {
      this.hub.counts.dropped += 1;
      return false;
    }
    switch (message.type) {
      case "pong":
        this.write(this.codec.encodePong(message.id, message.data));
        return true;
      case "push":
        this.#writePush(message.push, message.redelivered);
        return true;
      case "when-drained":
        this.#tellsDrained = true;
        this.#markDirty();
        return true;
      case "welcome":
        this.login?.welcome(this, message);
        return true;
      case "frame":
        this.#writeFrame(message.frame);
        return true;
      case "publication":
        this.#takePublication(message);
        return true;
      case "close":
        this.#sessionKnows = true;
        this.close(message.reason, { message: message.message });
        return true;
    }
  }

  /** One message of the socket. `bytes` is gone when this returns. */
  receive(bytes: ArrayBuffer, isBinary: boolean): void {
    const { hub, codec } = this;
    hub.counts.framesIn += 1;
    hub.counts.bytesIn += bytes.byteLength;
    if (!this.heard()) return;
    if (bytes.byteLength > hub.limits.frameBytesMax) return this.close("too-large");
    if (isBinary !== codec.binary) return this.close("invalid-frame");
    const frame = codec.decode(bytes);
    if (!frame.ok) return this.#refuseMalformed(frame.error, frame.id);
    // A hello is well-formed, and never right after the first.
    if (frame.value.type !== "hello") this.#malformed = 0;
    if (this.login === undefined) this.forward(frame.value);
    else this.login.receive(this, frame.value);
  }

  /** Something came, be it a ping or a pong. False when it came too fast, and is not taken. */
  heard(): boolean {
    const { hub } = this;
    this.heardAt = hub.beats.count;
    return this.socket !== undefined && isPaid(this, hub.rate, hub.clock);
  }

  ask(): void {
    this.socket?.ping();
  }

  /** Passes a frame of a logged-in device to its session; nothing when it has been closed. */
  forward(frame: ClientFrame): void {
    const { session } = this;
    if (session === undefined) return;
    switch (frame.type) {
      case "refresh":
        return refresh(this, frame);
      case "hello":
        return this.#refuseMalformed(
          new RuntimeError("protocol.order", "hello comes first, and once"),
        );
      default:
        if (!session.send(toSessionMessage(frame))) this.#sessionRefused(idOf(frame));
    }
  }

  /** Puts a frame among those of this turn's flush. */
  write(frame: Encoded): void {
    const out = this.#out;
    if (out === undefined) this.#out = frame;
    else if (Array.isArray(out)) out.push(frame);
    else this.#out = [out, frame];
    this.#markDirty();
  }

  /** Tells the device what went wrong with a request, or with the whole connection. */
  writeError(error: RuntimeError, id?: number): void {
    this.hub.counts.sentError(error.code);
    this.write(this.codec.encode(errorFrame(error, id)));
  }

  /** Writes what waits, in one go; closes the client that does not read what it is sent. */
  flush(): void {
    this.#dirty = false;
    const { socket, hub } = this;
    const out = this.#out;
    if (socket === undefined) return;
    this.#out = undefined;
    this.#published = 0;
    if (out !== undefined) {
      const bytes = Array.isArray(out) ? this.#sendAll(out) : this.#sendOne(out);
      hub.counts.bytesOut += bytes;
      // Corked frames are written after the last `send` has answered: it cannot tell.
      if (bytes > CORK_BYTES || hub.isBackpressured) {
        hub.isBackpressured = false;
        const unsent = socket.getBufferedAmount();
        if (unsent > hub.limits.unsentBytesMax) return this.close("slow");
        this.#isBehind = unsent > hub.lowWaterBytes;
      }
    }
    if (this.#tellsDrained || this.#held !== undefined) this.drained();
  }

  /** Some unsent bytes have gone out. */
  drained(): void {
    if (this.socket === undefined || !(this.#tellsDrained || this.#isBehind || this.#held)) return;
    if (this.socket.getBufferedAmount() > this.hub.lowWaterBytes) return;
    this.#isBehind = false;
    const held = this.#held;
    // Some of those that waited; the flush after it goes on.
    while (held?.isEmpty === false && this.#hasRoom()) this.#writePublication(held.take()!);
    if (held?.isEmpty) this.#held = undefined;
    if (!this.#tellsDrained) return;
    this.#tellsDrained = false;
    this.session?.send(DRAINED);
  }

  /** Says why (`kick`), writes what waits, and ends the connection. */
  close(reason: CloseReason, { retryAfterMs, message, url }: Parting = {}): void {
    const { socket, hub } = this;
    if (socket === undefined) return;
    const code = CLOSE_CODES[reason];
    this.write(this.codec.encode(kickFrame({ reason, message, url }, retryAfterMs)));
    const out = this.#out;
    this.#out = undefined;
    // From here on nothing else may be written, and the end of the socket is not reported twice.
    this.socket = undefined;
    if (Array.isArray(out)) hub.cork(socket, out, this.codec.binary);
    else hub.send(socket, out!, this.codec.binary);
    hub.counts.closed(reason);
    socket.end(code, reason);
    this.#left(false, reason);
  }

  /** The other side has gone, or the network has; `message` is gone when this returns. */
  closed(code: number, message: ArrayBuffer): void {
    if (this.socket === undefined) return;
    this.socket = undefined;
    this.#out = undefined;
    const why = departureOf(code, message);
    this.hub.counts.closed(why);
    this.#left(code === 1000, why);
  }

  overdue(): void {
    if (this.login === undefined) {
      if (this.endsAt <= this.hub.seconds) return this.close("lifetime");
      this.writeError(new RuntimeError("auth.expired", "the credential has expired"));
      this.close("credential-expired");
    } else if (this.login.hasBegun) this.close("busy", BUSY);
    else this.close("hello-timeout");
  }

  #left(final: boolean, why: string): void {
    this.hub.left(this);
    const { session } = this;
    if (session !== undefined && !this.#sessionKnows) {
      sendAnyway(session, { type: "detach", connection: this, final, why });
    }
    this.session = undefined;
  }

  #writePush(push: Push, redelivered: boolean): void {
    try {
      this.write(this.codec.encodePush(push, redelivered));
    } catch (error) {
      this.#notEncoded({ push: push.id }, error);
    }
  }

  /** Its payload is not JSON. The others are fine, and the connection is, too. */
  #notEncoded(what: object, error: unknown): void {
    this.hub.counts.dropped += 1;
    this.hub.logger.error("a payload cannot be encoded", { ...what, error: String(error) });
  }

  #writeFrame(frame: DeviceFrame): void {
    if (frame.type === "error") this.hub.counts.sentError(frame.code);
    else this.#held?.overtakenBy(frame);
    this.write(this.codec.encode(frame));
  }

  /** Writes it, or lets it wait for room when its topic prefers that to an end. */
  #takePublication(message: Published): void {
    const { publication } = message;
    if (publication.slow === "disconnect") return this.#writePublication(message);
    if (this.#held === undefined && this.#hasRoom()) return this.#writePublication(message);
    const { limits, counts } = this.hub;
    this.#held ??= new HeldPublications(limits.heldPublicationsMax);
    counts.publicationsLost += this.#held.add(publication);
    if (!this.#isBehind) this.#markDirty();
  }

  /** Whether one more publication, as large as any, would leave it what it may leave unsent. */
  #hasRoom(): boolean {
    return !this.#isBehind && this.#published < this.hub.lowWaterBytes >> 1;
  }

  #writePublication({ publication, lost }: Published): void {
    try {
      const frame = this.codec.encodePublication(publication, lost);
      this.#published += frame.length;
      this.write(frame);
    } catch (error) {
      this.#notEncoded({ topic: publication.topic }, error);
    }
  }

  #sendOne(frame: Encoded): number {
    this.hub.send(this.socket!, frame, this.codec.binary);
    return frame.length;
  }

  #sendAll(frames: readonly Encoded[]): number {
    this.hub.cork(this.socket!, frames, this.codec.binary);
    let bytes = 0;
    for (let index = 0; index < frames.length; index += 1) bytes += frames[index]!.length;
    return bytes;
  }

  #markDirty(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.hub.markDirty(this);
  }

  #refuseMalformed(error: RuntimeError, id?: number): void {
    if (id === undefined) this.#malformed += 1;
    this.writeError(error, id);
    if (this.#malformed >= MALFORMED_MAX || this.login !== undefined) this.close("invalid-frame");
  }

  #sessionRefused(id: number | undefined): void {
    if (this.hub.findSession(this.sessionId) === this.session) return this.refuseBusy(id);
    // It has ended, and its own message about it is on its way or was lost with it.
    this.#sessionKnows = true;
    this.close("internal");
  }

  /** The frame was understood, and there is no room for it. */
  refuseBusy(id: number | undefined): void {
    const message = "the session has more waiting than it can take";
    this.writeError(new RuntimeError("mailbox.full", message, BUSY), id);
  }
}

const DRAINED: SessionMessage = { type: "drained" };
