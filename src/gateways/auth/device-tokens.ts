import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";
import {
  boardKey,
  ID_EXPECTED,
  isBoardId,
  isUserId,
  type PrincipalKind,
} from "../../core/address.ts";
import type { Clock } from "../../core/clock.ts";
import type { Grants } from "../../core/device-request.ts";
import { RuntimeError } from "../../core/errors.ts";
import { isName } from "../../core/names.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { fromClaim, GRANTS_MAX, toClaim } from "./grants.ts";

/** Who a device is, as its credential says. */
export interface DeviceIdentity {
  /** The principal's key: a user's id, or `board:` and the board's (`core/address.ts`). */
  readonly principal: string;
  readonly kind: PrincipalKind;
  /** The topics that it may use; undefined when the credential says nothing of topics. */
  readonly grants: Grants | undefined;
  /** The only device id that the credential is good for; undefined if it is good for any. */
  readonly device: string | undefined;
  /** The version of its board's secret that it ends with; undefined: it ends by time alone. */
  readonly secretVersion: number | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface DeviceTokenOptions {
  /** Shared secret of HS256, at least 32 bytes. Tokens are minted with it. */
  readonly secret: Uint8Array;
  /** Ed25519 public keys (SPKI, PEM) of others who mint (EdDSA). */
  readonly publicKeys: readonly { readonly kid: string; readonly pem: string }[];
  /** What `iss` and `aud` must say; undefined: not looked at. */
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly clock: Clock;
}

export interface MintOptions {
  /** The user's id, or the board's where `kind` is `board`. */
  readonly user: string;
  readonly kind?: PrincipalKind | undefined;
  readonly grants?: Grants | undefined;
  readonly device?: string | undefined;
  /** A board's: with another version of its secret the credential is good no longer. */
  readonly secretVersion?: number | undefined;
  readonly ttlMs: number;
}

/**
 * Device credentials: JWTs whose `sub` is the user, or the board where `kind` is `board`, whose
 * `dev`, if there, is the device, whose `topics` says what it may subscribe and publish to, and
 * whose `secretVersion` says with which secret of its board it ends.
 */
export interface DeviceTokens {
  /** Never rejects; fails with `auth.invalid` or `auth.expired`. */
  verify(credential: string): Promise<Result<DeviceIdentity>>;
  /** @throws RuntimeError `auth.invalid` when the user or device is not a name. */
  mint(options: MintOptions): Promise<string>;
}

const SECRET_BYTES_MIN = 32;
/** How far `nbf` and `iat` may lie ahead of this node's clock, in seconds. `exp` is exact. */
const AHEAD_SECONDS_MAX = 60;
/** JWTs count in seconds; beyond this a number of milliseconds is not exact. */
const SECONDS_MAX = 2 ** 43;

/**
 * Makes the one place that verifies and mints device credentials.
 *
 * A key is only ever used with the algorithm it was configured for, so that a public key cannot
 * be passed off as a shared secret, and `none` is nothing.
 *
 * @throws RuntimeError `config.invalid` when a key cannot be used.
 * @see RFC 7519 (JWT), RFC 8725 (current practice)
 */
export function deviceTokens(options: DeviceTokenOptions): DeviceTokens {
  const keys = importKeys(options);
  const { issuer, audience, clock } = options;
  const claims = {
    clockTolerance: AHEAD_SECONDS_MAX,
    requiredClaims: ["sub", "exp"],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  return {
    async verify(credential) {
      const now = clock.now();
      const currentDate = new Date(now);
      let reason: unknown;
      for (const { key, algorithms } of candidates(credential, keys)) {
        try {
          const options = { ...claims, algorithms: [...algorithms], currentDate };
          return identityOf((await jwtVerify(credential, key, options)).payload, now);
        } catch (cause) {
          reason = cause;
          if (!(cause instanceof errors.JWSSignatureVerificationFailed)) break;
        }
      }
      return fail(explain(reason));
    },
    async mint({ user, kind, grants, device, secretVersion, ttlMs }) {
      if (!isName(user) || (device !== undefined && !isName(device))) {
        throw new RuntimeError("auth.invalid", "user and device must be names of 1 to 128 letters");
      }
      if (principalOf(user, kind ?? "phone") === undefined) {
        throw new RuntimeError("auth.invalid", `the user or board must be ${ID_EXPECTED}`);
      }
      const issuedAt = Math.floor(clock.now() / 1000);
      const token = new SignJWT({
        ...(device === undefined ? {} : { dev: device }),
        ...(kind === "board" ? { kind } : {}),
        ...(grants === undefined ? {} : { topics: toClaim(grants) }),
        ...(secretVersion === undefined ? {} : { secretVersion }),
      })
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .setSubject(user)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + Math.ceil(ttlMs / 1000));
      if (issuer !== undefined) token.setIssuer(issuer);
      if (audience !== undefined) token.setAudience(audience);
      return token.sign(keys.shared.key);
    },
  };
}

interface Key {
  readonly key: KeyObject;
  readonly algorithms: readonly ("HS256" | "EdDSA" | "Ed25519")[];
}

interface Keys {
  readonly shared: Key;
  readonly public: ReadonlyMap<string, Key>;
}

function importKeys({ secret, publicKeys }: DeviceTokenOptions): Keys {
  if (secret.length < SECRET_BYTES_MIN) {
    const message = `the device tokens' secret has ${secret.length} bytes, not ${SECRET_BYTES_MIN}`;
    throw new RuntimeError("config.invalid", message);
  }
  return {
    shared: { key: createSecretKey(secret), algorithms: ["HS256"] },
    public: new Map(publicKeys.map(({ kid, pem }) => [kid, importPublicKey(kid, pem)])),
  };
}

function importPublicKey(kid: string, pem: string): Key {
  let key: KeyObject | undefined;
  let cause: unknown;
  try {
    key = createPublicKey(pem);
  } catch (thrown) {
    cause = thrown;
  }
  // A private key in its place would work, and would have no business being here.
  if (key?.asymmetricKeyType !== "ed25519" || /PRIVATE/.test(pem)) {
    const message = `the public key "${kid}" is not an Ed25519 public key in PEM`;
    throw new RuntimeError("config.invalid", message, { cause });
  }
  return { key, algorithms: ["EdDSA", "Ed25519"] };
}

/** The keys that a token may have been signed with, by its own header. */
function candidates(credential: string, keys: Keys): readonly Key[] {
  try {
    const { alg, kid } = decodeProtectedHeader(credential);
    if (alg === "HS256") return [keys.shared];
    if (alg !== "EdDSA" && alg !== "Ed25519") return [];
    if (kid === undefined) return [...keys.public.values()];
    const key = keys.public.get(kid);
    return key === undefined ? [] : [key];
  } catch {
    return [];
  }
}

function identityOf(payload: JWTPayload, now: number): Result<DeviceIdentity> {
  const { sub, exp, iat } = payload;
  const device = payload["dev"];
  if (typeof sub !== "string" || !isName(sub)) return refuse("sub is not a name of 1 to 128");
  if (device !== undefined && (typeof device !== "string" || !isName(device))) {
    return refuse("dev is not a name of 1 to 128");
  }
  const kind = payload["kind"] ?? "phone";
  if (kind !== "phone" && kind !== "board") return refuse("kind is neither phone nor board");
  const principal = principalOf(sub, kind);
  if (principal === undefined) return refuse(`sub is not ${ID_EXPECTED}`);
  const secretVersion = payload["secretVersion"];
  if (secretVersion !== undefined && (kind === "phone" || !isVersion(secretVersion))) {
    return refuse("secretVersion is no version of a board's secret");
  }
  const topics = payload["topics"];
  const grants = topics === undefined ? undefined : fromClaim(topics);
  if (topics !== undefined && grants === undefined) {
    return refuse(`topics is not {sub, pub} with at most ${GRANTS_MAX} patterns each`);
  }
  if (typeof exp !== "number" || !(exp < SECONDS_MAX)) return refuse("exp is not a time");
  if (iat !== undefined && iat * 1000 > now + AHEAD_SECONDS_MAX * 1000) {
    return refuse("iat lies in the future");
  }
  // RFC 7519 allows fractions of a second; instants of ours are whole milliseconds.
  const expiresAt = Math.floor(exp * 1000);
  if (expiresAt <= now) return fail(explain(new errors.JWTExpired("", payload)));
  return ok({ principal, kind, grants, device, secretVersion, expiresAt });
}

function isVersion(claim: unknown): claim is number {
  return Number.isSafeInteger(claim) && (claim as number) > 0;
}

/** The key of a principal; undefined when there can be none with this id. */
function principalOf(id: string, kind: PrincipalKind): string | undefined {
  if (kind === "board") return isBoardId(id) ? boardKey(id) : undefined;
  return isUserId(id) ? id : undefined;
}

/** Says why in words of our own: the library's may hold parts of the token. */
function explain(cause: unknown): RuntimeError {
  if (cause instanceof errors.JWTExpired) {
    return new RuntimeError("auth.expired", "the credential has expired", { cause });
  }
  const reason =
    cause === undefined
      ? "is not a JWT that one of this server's keys could have signed (HS256 or EdDSA)"
      : cause instanceof errors.JWSSignatureVerificationFailed
        ? "has a signature of another key"
        : cause instanceof errors.JWTClaimValidationFailed
          ? `has a claim "${cause.claim}" that is missing or not accepted`
          : "is not a well-formed JWT";
  return new RuntimeError("auth.invalid", `the credential ${reason}`, { cause });
}

/** Whose credential it says to be, signed by whomever; undefined when it says nothing. */
export function claimedPrincipal(credential: string): string | undefined {
  try {
    return principalIn(decodeJwt(credential));
  } catch {
    return undefined;
  }
}

/**
 * Whose credential it was that `verify` refused, if its signature was good: the key of a
 * principal, else undefined. For records only; it lets nobody in.
 */
export function refusedPrincipal({ cause }: RuntimeError): string | undefined {
  const isSigned =
    cause instanceof errors.JWTExpired || cause instanceof errors.JWTClaimValidationFailed;
  if (!isSigned) return undefined;
  return principalIn(cause.payload);
}

function principalIn({ sub, kind }: JWTPayload): string | undefined {
  if (typeof sub !== "string" || !isName(sub)) return undefined;
  return principalOf(sub, kind === "board" ? "board" : "phone");
}

function refuse(why: string): Result<never> {
  return fail(new RuntimeError("auth.invalid", `the credential is not accepted: ${why}`));
}
