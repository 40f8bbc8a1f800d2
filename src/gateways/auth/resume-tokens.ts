import { createHmac, timingSafeEqual } from "node:crypto";

/** Whose session it is. */
export interface SessionOwner {
  readonly user: string;
  readonly device: string;
}

/**
 * Tokens with which a device continues its session: the session's id and a proof, bound to the
 * user and the device, that this installation handed it out.
 */
export interface ResumeTokens {
  mint(session: string, owner: SessionOwner): string;
  /** The session's id; undefined when the token is not one for this owner. */
  read(token: string, owner: SessionOwner): string | undefined;
}

const PROOF_BYTES = 16;
const SECRET_BYTES_MIN = 16;

/** Uses HMAC-SHA256, truncated to 128 bits. The secret has at least 16 bytes. */
export function resumeTokens(secret: Uint8Array): ResumeTokens {
  if (secret.length < SECRET_BYTES_MIN) throw new RangeError("the resume secret is too short");

  // Written as JSON, so that no two different owners read the same.
  const proof = (session: string, { user, device }: SessionOwner): Uint8Array =>
    createHmac("sha256", secret)
      .update(JSON.stringify(["resume", session, user, device]))
      .digest()
      .subarray(0, PROOF_BYTES);

  return {
    mint: (session, owner) =>
      `${session}.${Buffer.from(proof(session, owner)).toString("base64url")}`,
    read(token, owner) {
      const dot = token.lastIndexOf(".");
      if (dot < 1) return undefined;
      const session = token.slice(0, dot);
      const given = Buffer.from(token.slice(dot + 1), "base64url");
      if (given.length !== PROOF_BYTES) return undefined;
      return timingSafeEqual(given, proof(session, owner)) ? session : undefined;
    },
  };
}
