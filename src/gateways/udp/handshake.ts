import type { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Refusal as Refused } from "../../core/chronicle.ts";
import { type ErrorCode, toRuntimeError } from "../../core/errors.ts";
import { isName } from "../../core/names.ts";
import type { BanKind } from "../bans.ts";
import { KeyedRate } from "../keyed-rate.ts";
import { networkOf } from "../remote-address.ts";
import { Cookies, SLOT_MS } from "./cookie.ts";
import type { UdpCounts } from "./counts.ts";
import { channelKeys, resetToken, startMac } from "./keys.ts";
import type { Holder } from "./messages.ts";
import type { UdpOptions } from "./options.ts";
import {
  type KeyId,
  NONCE_BYTES,
  nonceOf,
  OPENING_MIN,
  type Refusal,
  readStart,
  SESSION_BYTES,
  type Start,
  writeCookie,
  writeRefuse,
} from "./packet.ts";
import type { NewChannel } from "./session-state.ts";

/** Starts whose key is being looked up. */
const LOOKUPS_MAX = 256;
/** Starts that were answered, for as long as their cookies are good. */
const ANSWERED_MAX = 10_000;

/** Where a packet came from, and the answer goes. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

/** What the handshake needs of the gateway. */
export interface HandshakePorts {
  readonly counts: UdpCounts;
  reply(bytes: Uint8Array, to: Place): void;
  /** Starts the UDP session; false when there is no room for one. */
  open(opened: NewChannel): boolean;
}

/** An `accept` that was sent, so that a start that comes again gets the same. */
interface Answered {
  readonly accept: Uint8Array;
  readonly at: number;
}

/**
 * The server's side of the handshake.
 *
 * Nothing is remembered, looked up or computed beyond one HMAC before an address has shown by its
 * cookie that it is one; and nothing is sent to it that is larger than what came from there.
 */
export class Handshake {
  isDraining = false;
  readonly #options: UdpOptions;
  readonly #ports: HandshakePorts;
  readonly #cookies = new Cookies(randomBytes(32));
  readonly #rate: KeyedRate;
  readonly #answered = new Map<string, Answered>();
  readonly #provisioning: ReadonlyMap<string, Uint8Array>;
  #lookups = 0;

  constructor(options: UdpOptions, ports: HandshakePorts) {
    this.#options = options;
    this.#ports = ports;
    const { handshakesPerSecond, handshakesBurst } = options.limits;
    this.#rate = new KeyedRate(handshakesPerSecond, handshakesBurst);
    this.#provisioning = new Map(options.provisioning.map(({ id, secret }) => [id, secret]));
  }

  /** The first packet of a device: it gets a cookie for its address. */
  init(bytes: Buffer, from: Place): void {
    const { counts, reply } = this.#ports;
    const now = this.#options.clock.monotonic();
    if (bytes.length < OPENING_MIN) counts.dropped["too-short"] += 1;
    else if (!this.mayAnswer(from)) counts.dropped.rate += 1;
    else {
      const nonce = nonceOf(bytes);
      reply(writeCookie(nonce, this.#cookies.bake(from.address, from.port, nonce, now)), from);
    }
  }

  /** The second one, with the cookie, the name of a key, and the proof that it is there. */
  start(bytes: Buffer, from: Place): void {
    const { counts, reply } = this.#ports;
    const now = this.#options.clock.monotonic();
    const start = readStart(bytes);
    if (start === undefined) {
      counts.dropped["too-short"] += 1;
      return;
    }
    if (!this.#cookies.verify(start.cookie, from.address, from.port, start.nonce, now)) {
      counts.dropped.cookie += 1;
      return;
    }
    const digest = createHash("sha256").update(bytes).digest("base64url");
    const answered = this.#answered.get(digest);
    if (answered !== undefined) return reply(answered.accept, from);
    if (!this.mayAnswer(from)) counts.dropped.rate += 1;
    else if (this.isDraining) this.#refuse(start, "draining", from);
    else if (this.#bannedMs("address", networkOf(from.address)) > 0)
      this.#refuse(start, "busy", from);
    else if (this.#lookups >= LOOKUPS_MAX) this.#refuse(start, "busy", from);
    else this.#lookUp(start, digest, from);
  }

  /** Whether the address may be answered once more now. */
  mayAnswer({ address }: Place): boolean {
    return this.#rate.pay(networkOf(address), this.#options.clock.monotonic());
  }

  #lookUp(start: Start, digest: string, from: Place): void {
    this.#lookups += 1;
    this.#find(start.key)
      .then((found) => this.#found(start, digest, from, found))
      .catch((thrown: unknown) => {
        const { message } = toRuntimeError(thrown);
        this.#options.logger.error("a handshake failed", { error: message });
        this.#refuse(start, "busy", from);
        this.#note(start.key, from, { code: "gateway.busy", message, isStranger: true });
      })
      .finally(() => {
        this.#lookups -= 1;
      });
  }

  async #find(key: KeyId): Promise<{ secret: Uint8Array; holder: Holder } | undefined> {
    if (key.type === "provisioning") {
      const secret = this.#provisioning.get(key.id);
      return secret && { secret, holder: key };
    }
    if (!isName(key.principal) || !isName(key.device)) return undefined;
    const known = await this.#options.deviceKey(key.principal, key.device);
    if (known === undefined) return undefined;
    const { secret, ...more } = known;
    return { secret, holder: { ...key, ...more } };
  }

  #found(
    start: Start,
    digest: string,
    from: Place,
    found: { readonly secret: Uint8Array; readonly holder: Holder } | undefined,
  ): void {
    // An unknown key costs as much as a wrong secret, and is told the same.
    const secret = found?.secret ?? NO_SECRET;
    const isProven = timingSafeEqual(startMac(secret, start.nonce, start.signed), start.mac);
    if (found === undefined || !isProven) {
      this.#refuse(start, "unauthorized", from);
      const message =
        found === undefined
          ? "nobody of that name has a secret here"
          : "it did not have the secret of this device";
      return this.#note(start.key, from, { code: "auth.invalid", message, isStranger: true });
    }
    // The same start may have come again while its key was being looked up.
    const answered = this.#answered.get(digest);
    if (answered !== undefined) return this.#ports.reply(answered.accept, from);
    const { holder } = found;
    const bannedMs = holder.type === "device" ? this.#bannedMs("principal", holder.principal) : 0;
    if (bannedMs > 0) {
      this.#refuse(start, "busy", from);
      const message = `it logs in too often; banned for ${bannedMs} ms`;
      return this.#note(start.key, from, { code: "gateway.banned", message });
    }
    const now = this.#options.clock.monotonic();
    const session = randomBytes(SESSION_BYTES);
    const id = session.toString("hex");
    const serverNonce = randomBytes(NONCE_BYTES);
    const keys = channelKeys(secret, start.nonce, serverNonce);
    if (!this.#ports.open({ id, holder, keys, ...from, now })) {
      this.#refuse(start, "busy", from);
      const message = `the node has ${this.#options.limits.sessionsMax} UDP sessions already`;
      return this.#note(start.key, from, { code: "gateway.busy", message });
    }
    const token = resetToken(this.#options.resetSecret, id);
    const accept = keys.fromServer.sealAccept(session, serverNonce, token);
    this.#remember(digest, { accept, at: now });
    this.#ports.reply(accept, from);
  }

  #bannedMs(kind: BanKind, name: string): number {
    return this.#options.bans?.waitMs(kind, name) ?? 0;
  }

  /** Cookies are good for two slots; what is older cannot come again. */
  #remember(digest: string, answered: Answered): void {
    for (const [key, { at }] of this.#answered) {
      const isOld = at + 2 * SLOT_MS < answered.at || this.#answered.size >= ANSWERED_MAX;
      if (!isOld) break;
      this.#answered.delete(key);
    }
    this.#answered.set(digest, answered);
  }

  /** What is said of who showed no secret may be of anybody. */
  #note(
    key: KeyId,
    { address }: Place,
    { isStranger, ...why }: Pick<Refused, "message" | "isStranger"> & { readonly code: ErrorCode },
  ): void {
    const { chronicle, clock } = this.#options;
    if (chronicle === undefined || key.type !== "device") return;
    const refusal = { device: key.device, from: { transport: "udp", address }, ...why } as const;
    if (isStranger) chronicle.noteStranger(key.principal, refusal, clock.now());
    else chronicle.note(key.principal, { type: "refused", ...refusal }, clock.now());
  }

  #refuse({ nonce }: Start, refusal: Refusal, to: Place): void {
    if (refusal === "busy") this.#ports.counts.dropped.busy += 1;
    this.#ports.reply(writeRefuse(nonce, refusal), to);
  }
}

const NO_SECRET = new Uint8Array(32);
