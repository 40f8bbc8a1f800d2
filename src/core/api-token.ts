import { createHash, randomBytes } from "node:crypto";

const FORM = /^hat_[A-Za-z0-9_-]{43}$/;

/** Makes a token of the admin API: `hat_` and 256 random bits in base64url. */
export function newApiToken(): string {
  return `hat_${randomBytes(32).toString("base64url")}`;
}

/** Whether a text has the form of a token; whether it is one, only the store knows. */
export function isApiToken(text: string): boolean {
  return FORM.test(text);
}

/**
 * The SHA-256 of a token in hex: what is stored, sent between actors and compared.
 *
 * A plain hash is enough: a token has 256 random bits and cannot be guessed from it.
 */
export function hashApiToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
