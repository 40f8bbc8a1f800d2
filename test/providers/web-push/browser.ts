import { createDecipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from "node:crypto";

/** What a browser has of a subscription, its private key included. */
export interface Browser {
  readonly key: ECDH;
  readonly auth: Buffer;
}

/** A browser with a fresh subscription, and what its page would tell a server of it. */
export function newBrowser(): Browser & { readonly keys: { p256dh: string; auth: string } } {
  const key = createECDH("prime256v1");
  key.generateKeys();
  const auth = randomBytes(16);
  const keys = { p256dh: key.getPublicKey("base64url"), auth: auth.toString("base64url") };
  return { key, auth, keys };
}

/** Bytes of the header before the sender's key: salt, record size, length of the key. */
const HEADER_BYTES = 21;
const TAG_BYTES = 16;

/**
 * Decrypts a message as a browser does, written from RFC 8188 and RFC 8291 and sharing nothing
 * with what encrypts it. Throws when anything is not as these say.
 */
export function decrypt(body: Buffer, { key, auth }: Browser): string {
  const salt = body.subarray(0, 16);
  const recordBytes = body.readUInt32BE(16);
  const senderEnd = HEADER_BYTES + body.readUInt8(20);
  const sender = body.subarray(HEADER_BYTES, senderEnd);
  const record = body.subarray(senderEnd);
  if (sender.byteLength !== 65 || sender[0] !== 4) throw new Error("the sender's key is no point");
  // RFC 8291, section 4: the whole message is one record.
  if (record.byteLength > recordBytes) throw new Error("more than one record");

  const shared = key.computeSecret(sender);
  const about = Buffer.concat([Buffer.from("WebPush: info\0"), key.getPublicKey(), sender]);
  const secret = Buffer.from(hkdfSync("sha256", shared, auth, about, 32));
  const derive = (info: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync("sha256", secret, salt, Buffer.from(`${info}\0`), bytes));
  const contentKey = derive("Content-Encoding: aes128gcm", 16);
  const nonce = derive("Content-Encoding: nonce", 12);

  const decipher = createDecipheriv("aes-128-gcm", contentKey, nonce);
  decipher.setAuthTag(record.subarray(-TAG_BYTES));
  const padded = Buffer.concat([decipher.update(record.subarray(0, -TAG_BYTES)), decipher.final()]);
  // Behind the content stands a 2, for the last record, and then zeros.
  const end = padded.findLastIndex((byte) => byte !== 0);
  if (padded[end] !== 2) throw new Error("the last record does not end with its delimiter");
  return padded.subarray(0, end).toString("utf8");
}
