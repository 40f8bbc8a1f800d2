import { hkdfSync } from "node:crypto";

/** Bytes of a device's secret, and at least of the installation's own that it comes from. */
export const DEVICE_SECRET_BYTES = 32;

/** What a board calls its device, unless it says otherwise: most have only one. */
export const BOARD_DEVICE = "board";

/** Whose secret it is. */
export interface SecretOwner {
  /** The key of the principal (`core/address.ts`). */
  readonly principal: string;
  readonly device: string;
  /** A board's `secretVersion`; 1 for phones. Another version is another secret. */
  readonly version: number;
}

/** The version of phones' secrets, which cannot be replaced one by one. */
export const PHONE_SECRET_VERSION = 1;

/**
 * Derives the secret that a device and this installation share.
 *
 * It is derived and not stored: a stolen database without the installation's secret has none,
 * and a lookup costs no store operation. The three parts are one JSON array, so that no two
 * owners have the same text.
 *
 * @see RFC 5869 (HKDF), with SHA-256
 */
export function deviceSecret(installation: Uint8Array, owner: SecretOwner): Uint8Array {
  const { principal, device, version } = owner;
  const info = JSON.stringify(["herald device", principal, device, version]);
  return new Uint8Array(hkdfSync("sha256", installation, "", info, DEVICE_SECRET_BYTES));
}

/** A secret as it is shown and typed: base64url, 43 characters. */
export function writeSecret(secret: Uint8Array): string {
  return Buffer.from(secret).toString("base64url");
}

/** The bytes of a secret as `writeSecret` writes it; undefined when it is none. */
export function readSecret(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== DEVICE_SECRET_BYTES || writeSecret(bytes) !== text) return undefined;
  return new Uint8Array(bytes);
}
