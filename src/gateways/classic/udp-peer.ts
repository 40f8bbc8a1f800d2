import { Buffer } from "node:buffer";
import type { Ref } from "../../actors/kernel/actor.ts";
import { sendAnyway } from "../../actors/kernel/external.ts";
import type { ConnectionMessage, SessionMessage } from "../../actors/session/messages.ts";
import { BOARD_DEVICE } from "../../core/device-secret.ts";
import { type Carrier, ClassicDevice, type DeviceDeps } from "./device.ts";
import { FRAME_HEADER_BYTES, OPCODES, readFrameHeader, writeFrameHeader } from "./frame.ts";
import type { Self } from "./inward.ts";
import type { ClassicOptions } from "./options.ts";

/** Where datagrams come from and go to. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

export interface PeerDeps {
  readonly options: Pick<ClassicOptions, "newId" | "openSession">;
  readonly device: DeviceDeps;
  /** Sends one datagram. Never throws. */
  readonly send: (bytes: Buffer, to: Place) => void;
}

/** What is known of a board from its first datagram on. */
export interface NewPeer {
  /** Random: who knows it is the board. */
  readonly sid: Buffer;
  readonly mac: Buffer;
  readonly serial: Buffer;
  readonly place: Place;
  readonly movedAt: number;
  readonly until: number;
}

type Welcomed = (outcome: { readonly isWelcome: boolean; readonly code: string }) => void;

/** The sequence starts anew only from here, and only to here. */
const WRAP = { from: 65_530, to: 10 } as const;
/** What is further ahead is from before it began anew. */
const AHEAD_MAX = 32_768;

/**
 * A board over classic UDP: its session there and, once it has logged in, the connection that its
 * session with the node sends to.
 */
export class ClassicPeer implements Ref<ConnectionMessage>, Carrier {
  /** Datagrams get lost: what must arrive is confirmed by the board. */
  readonly isReliable = false;
  readonly sid: Buffer;
  readonly mac: Buffer;
  readonly serial: Buffer;
  readonly #deps: PeerDeps;
  place: Place;
  movedAt: number;
  /** The beat in which it ends unless it says something. */
  until: number;
  device: ClassicDevice | undefined = undefined;
  isJoining = false;
  /** It is forgotten: whoever still works for it stops. */
  isOver = false;
  #sequence = -1;
  #outSequence = 0;
  #sessionId = "";
  /** Told once: whether the log-in is complete, and if not, the code of the error. */
  #welcomed: Welcomed | undefined = undefined;
  #refusal = "";

  constructor(deps: PeerDeps, { sid, mac, serial, place, movedAt, until }: NewPeer) {
    this.#deps = deps;
    this.sid = sid;
    this.mac = mac;
    this.serial = serial;
    this.place = place;
    this.movedAt = movedAt;
    this.until = until;
  }

  get node(): string {
    return "";
  }

  get path(): string {
    return `/classic-udp/${this.#sessionId}`;
  }

  get incarnation(): number {
    return 0;
  }

  get isUsed(): boolean {
    return this.#sequence >= 0;
  }

  /** Whether a datagram with this number is newer than those before; then it is the newest. */
  takes(sequence: number): boolean {
    const last = this.#sequence;
    const isAhead = sequence > last && (last < 0 || sequence - last < AHEAD_MAX);
    const isNewer = isAhead || (sequence < WRAP.to && last > WRAP.from);
    if (isNewer) this.#sequence = sequence;
    return isNewer;
  }

  /** Opens its session with the node, once; `welcomed` is told whether it came to one. */
  join(self: Self, secretVersion: number | undefined, welcomed: Welcomed): void {
    const { options, device } = this.#deps;
    this.#sessionId = options.newId("s");
    this.#welcomed = welcomed;
    this.#refusal = "";
    this.device = new ClassicDevice(device, self, this);
    const session: Ref<SessionMessage> = options.openSession({
      ...{ id: this.#sessionId, user: self.principal, device: BOARD_DEVICE },
    });
    this.device.session = session;
    const from = { transport: "classic", address: this.place.address } as const;
    const attach = { type: "attach", connection: this, offset: -1, secretVersion, from } as const;
    if (!session.send(attach)) this.#end();
  }

  /** Ends its session with the node. */
  leave(why: string): void {
    const session = this.device?.session;
    if (session !== undefined) {
      sendAnyway(session, { type: "detach", connection: this, final: true, why });
    }
    this.#end();
  }

  /** Called by the session's effects. */
  send(message: ConnectionMessage): boolean {
    const { device } = this;
    if (device === undefined) return false;
    switch (message.type) {
      case "welcome":
        this.#tell(true);
        return true;
      case "when-drained":
        device.session?.send({ type: "drained" });
        return true;
      case "close":
        this.#end();
        return true;
      case "frame":
        if (message.frame.type === "error") this.#refusal = message.frame.code;
        device.take(message);
        return true;
      default:
        device.take(message);
        return true;
    }
  }

  /** A message for the board, within a datagram that has the server's own number. */
  write(bytes: Buffer): boolean {
    const inner = readFrameHeader(bytes, "wide");
    if (!inner.ok) return false;
    const outer = Buffer.alloc(FRAME_HEADER_BYTES);
    this.#outSequence = (this.#outSequence + 1) & 0xffff;
    const { value: frame } = inner;
    const header = { ...frame, opcode: OPCODES.forward, sequence: this.#outSequence };
    writeFrameHeader(outer, header, "wide");
    this.#deps.send(Buffer.concat([outer, this.sid, bytes]), this.place);
    return true;
  }

  #end(): void {
    if (this.device !== undefined) this.device.session = undefined;
    this.device = undefined;
    this.#tell(false);
  }

  #tell(isWelcome: boolean): void {
    const welcomed = this.#welcomed;
    this.#welcomed = undefined;
    welcomed?.({ isWelcome, code: this.#refusal });
  }
}
