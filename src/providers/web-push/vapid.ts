import { createPrivateKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import type { Clock } from "../../core/clock.ts";
import type { VapidKeys } from "../../core/web-push.ts";

/** How long a token is valid, at most a day (RFC 8292, 2), and how long it is used. */
const VALID_MS = 12 * 3_600_000;
const USED_MS = 6 * 3_600_000;
/** Push services whose tokens are kept; the oldest makes room. */
const TOKENS_MAX = 64;

export interface VapidOptions {
  readonly keys: VapidKeys;
  /** Whom push services can turn to: mailto: or https:. */
  readonly subject: string;
  readonly clock: Pick<Clock, "now">;
}

interface Token {
  readonly header: Promise<string>;
  readonly until: number;
}

/** Says to push services who sends: a signed token for each of them, made once in six hours. */
export class Vapid {
  readonly #options: VapidOptions;
  readonly #key: KeyObject;
  readonly #tokens = new Map<string, Token>();

  constructor(options: VapidOptions) {
    this.#options = options;
    const { publicKey, privateKey: d } = options.keys;
    // The public key is a 4 and the two coordinates.
    const point = Buffer.from(publicKey, "base64url");
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((it) =>
      it.toString("base64url"),
    );
    this.#key = createPrivateKey({
      key: { kty: "EC", crv: "P-256", d, x: x!, y: y! },
      format: "jwk",
    });
  }

  /** The header `authorization` for a push service, by its origin. */
  authorization(origin: string): Promise<string> {
    const now = this.#options.clock.now();
    const known = this.#tokens.get(origin);
    if (known !== undefined && now < known.until && now >= known.until - USED_MS) {
      return known.header;
    }
    this.#tokens.delete(origin);
    const [oldest] = this.#tokens.size >= TOKENS_MAX ? this.#tokens.keys() : [];
    if (oldest !== undefined) this.#tokens.delete(oldest);
    const token = { header: this.#sign(origin, now), until: now + USED_MS };
    this.#tokens.set(origin, token);
    return token.header;
  }

  async #sign(origin: string, now: number): Promise<string> {
    const { keys, subject } = this.#options;
    const token = await new SignJWT()
      .setProtectedHeader({ typ: "JWT", alg: "ES256" })
      .setAudience(origin)
      .setExpirationTime(Math.floor((now + VALID_MS) / 1000))
      .setSubject(subject)
      .sign(this.#key);
    return `vapid t=${token}, k=${keys.publicKey}`;
  }
}
