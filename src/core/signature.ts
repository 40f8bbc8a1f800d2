import { createHmac, timingSafeEqual } from "node:crypto";
import { RuntimeError } from "./errors.ts";

/**
 * Signatures of requests between Herald and the user's own servers, in both directions.
 *
 * HMAC-SHA256 over `id.timestamp.body`, as the Standard Webhooks specification has it, so that
 * its ready-made libraries verify what we send and sign what we take.
 *
 * @see https://www.standardwebhooks.com (specification 1.0.0)
 */
export interface SignedHeaders {
  /** Identity of the content: the same when it is sent again. */
  readonly "webhook-id": string;
  /** When it was signed, in seconds since the Unix epoch. */
  readonly "webhook-timestamp": string;
  /** One `v1,<base64>` per secret, with spaces between. */
  readonly "webhook-signature": string;
}

/** How a secret is written: `whsec_` and the base64 of 24 to 64 random bytes. */
export const SECRET_FORM = /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/;

/** How far the clocks of both sides may be apart, in milliseconds. */
export const TOLERANCE_MS = 300_000;

/** Signatures in one header that are looked at. */
const SIGNATURES_MAX = 16;
const ID_FORM = /^[\x21-\x7e]{1,256}$/;
const TIMESTAMP_FORM = /^\d{1,12}$/;
const PREFIX = "whsec_";

/** The bytes of a secret that has the form `SECRET_FORM`. */
export function secretKey(secret: string): Uint8Array {
  return Buffer.from(secret.slice(PREFIX.length), "base64");
}

/** Signs a body with every key: while keys are exchanged, the receiver may have either. */
export function signRequest(
  { id, at }: { readonly id: string; readonly at: number },
  body: string | Uint8Array,
  keys: readonly Uint8Array[],
): SignedHeaders {
  const timestamp = String(Math.floor(at / 1000));
  const signatures = keys.map(
    (key) => `v1,${mac(key, { id, timestamp, body }).toString("base64")}`,
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}

/** What a request says of its own origin. */
export interface SignedRequest {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string | Uint8Array;
}

/**
 * Checks that somebody with one of the keys has signed this body, just now.
 *
 * A request that was recorded can be repeated within the tolerance: what it asks for must be
 * harmless the second time.
 *
 * @throws RuntimeError `auth.signature` without the headers, when no key and signature fit, or
 * when the time is outside of the tolerance.
 */
export function verifyRequest(
  { headers, body }: SignedRequest,
  keys: readonly Uint8Array[],
  now: number,
): void {
  const id = headers.get("webhook-id");
  const timestamp = headers.get("webhook-timestamp");
  const given = headers.get("webhook-signature");
  if (id === undefined || timestamp === undefined || given === undefined) {
    const names = "webhook-id, webhook-timestamp and webhook-signature";
    throw new RuntimeError("auth.signature", `the request is not signed: it needs ${names}`);
  }
  if (!ID_FORM.test(id) || !TIMESTAMP_FORM.test(timestamp)) {
    throw new RuntimeError("auth.signature", "webhook-id or webhook-timestamp is not in its form");
  }
  const signatures = given.split(" ", SIGNATURES_MAX).map(macOf);
  // Every pair is compared, so that the time tells nothing about which one failed.
  let fits = false;
  for (const key of keys) {
    const expected = mac(key, { id, timestamp, body });
    for (const signature of signatures) {
      if (signature !== undefined && timingSafeEqual(signature, expected)) fits = true;
    }
  }
  if (!fits)
    throw new RuntimeError("auth.signature", "the signature is not one of this provider's");
  if (Math.abs(now - Number(timestamp) * 1000) > TOLERANCE_MS) {
    const seconds = TOLERANCE_MS / 1000;
    const message = `webhook-timestamp is more than ${seconds} s away from this node's clock`;
    throw new RuntimeError("auth.signature", message);
  }
}

interface Signed {
  readonly id: string;
  readonly timestamp: string;
  readonly body: string | Uint8Array;
}

function mac(key: Uint8Array, { id, timestamp, body }: Signed): Buffer {
  return createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
}

/** The 32 bytes of one `v1,<base64>`; undefined for anything else, as other versions. */
function macOf(text: string): Buffer | undefined {
  if (!text.startsWith("v1,")) return undefined;
  const bytes = Buffer.from(text.slice(3), "base64");
  return bytes.byteLength === 32 ? bytes : undefined;
}
