import { createECDH, ECDH } from "node:crypto";
import type { Problem } from "./errors.ts";
import { describeValue } from "./problems.ts";

/** The name that campaigns know it by. */
export const WEB_PUSH = "webpush";

const CURVE = "prime256v1";
/** Bytes of what a `PushSubscription` holds: a point on P-256, and a secret. */
const POINT_BYTES = 65;
const AUTH_BYTES = 16;
const PRIVATE_BYTES = 32;
const ENDPOINT_LENGTH_MAX = 1_024;

/** What identifies a sender to push services (RFC 8292), in base64url. */
export interface VapidKeys {
  /** What pages subscribe with: their `applicationServerKey`. */
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Where a browser takes messages, as `JSON.stringify(pushSubscription)` says it. */
export interface BrowserKeys {
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
}

/** A fresh pair. The operating system's generator is the only one that is good enough. */
export function newVapidKeys(): VapidKeys {
  const pair = createECDH(CURVE);
  const publicKey = pair.generateKeys("base64url");
  const short = pair.getPrivateKey();
  const privateKey = Buffer.alloc(PRIVATE_BYTES);
  short.copy(privateKey, PRIVATE_BYTES - short.byteLength);
  return { publicKey, privateKey: privateKey.toString("base64url") };
}

/** The pair of a private key: 32 bytes in base64url. Undefined when it is none. */
export function vapidKeysOf(privateKey: string): VapidKeys | undefined {
  const pair = createECDH(CURVE);
  try {
    pair.setPrivateKey(privateKey, "base64url");
    const isWhole = Buffer.from(privateKey, "base64url").byteLength === PRIVATE_BYTES;
    return isWhole ? { publicKey: pair.getPublicKey("base64url"), privateKey } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether an endpoint belongs to one of the push services that are allowed: a host, `*.` and a
 * domain, both with https on its own port, or a whole origin.
 *
 * Endpoints come from browsers, that is from anybody: without this, they could have requests sent
 * into the network that Herald is in.
 */
export function isPushService(endpoint: string, services: readonly string[]): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { origin, protocol, hostname, port, username, password } = new URL(endpoint);
  if (username !== "" || password !== "") return false;
  return services.some((service) => {
    if (service.includes("://")) return service === origin;
    if (protocol !== "https:" || port !== "") return false;
    return service.startsWith("*.") ? hostname.endsWith(service.slice(1)) : hostname === service;
  });
}

/** Reads a `PushSubscription` as JSON; what is wrong with it comes back as problems. */
export function readSubscription(
  value: unknown,
  services: readonly string[],
): BrowserKeys | readonly Problem[] {
  const { endpoint, keys } = Object(value) as { readonly [name: string]: unknown };
  const { p256dh, auth } = Object(keys) as { readonly [name: string]: unknown };
  const problems: Problem[] = [];
  const check = (
    path: string,
    expected: string,
    it: unknown,
    isGood: (text: string) => boolean,
  ) => {
    const good = typeof it === "string" && isGood(it);
    if (!good) problems.push({ path, expected, got: describeValue(it) });
  };
  const known = `an address of at most ${ENDPOINT_LENGTH_MAX} characters at ${services.join(", ")}`;
  check("endpoint", known, endpoint, (text) => {
    return text.length <= ENDPOINT_LENGTH_MAX && isPushService(text, services);
  });
  check("keys.p256dh", "a point on P-256, uncompressed, in base64url", p256dh, isPoint);
  check("keys.auth", "16 bytes in base64url", auth, (text) => {
    return isBase64url(text) && Buffer.from(text, "base64url").byteLength === AUTH_BYTES;
  });
  if (problems.length > 0) return problems;
  return { endpoint, p256dh, auth } as BrowserKeys;
}

export function isBrowserKeys(read: BrowserKeys | readonly Problem[]): read is BrowserKeys {
  return "endpoint" in read;
}

function isPoint(text: string): boolean {
  if (!isBase64url(text)) return false;
  const bytes = Buffer.from(text, "base64url");
  if (bytes.byteLength !== POINT_BYTES || bytes[0] !== 4) return false;
  try {
    // Fails for what is not on the curve.
    ECDH.convertKey(bytes, CURVE, undefined, undefined, "compressed");
    return true;
  } catch {
    return false;
  }
}

function isBase64url(text: string): boolean {
  return text.length <= 128 && /^[A-Za-z0-9_-]+=*$/.test(text);
}
