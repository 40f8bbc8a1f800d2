import { generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const SEQUENCE = 0x30;
const DAY_MS = 86_400_000;
/** `ecdsa-with-SHA256` and `commonName`. */
const ECDSA = Buffer.from("06082a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");

/** One value of DER (X.690): tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length];
  return Buffer.concat([Buffer.from([tag, ...head.map((byte) => byte & 255)]), content]);
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Writes a key and a certificate of this day that it has signed itself (RFC 5280) to a folder. */
export function writeCertificate(folder: string, now: number) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = der(SEQUENCE, ECDSA);
  const commonName = der(0x0c, Buffer.from("localhost"));
  const name = der(SEQUENCE, der(0x31, der(SEQUENCE, COMMON_NAME, commonName)));
  const time = (at: number) => {
    const digits = new Date(at).toISOString().replace(/\D/g, "").slice(2, 14);
    return der(0x17, Buffer.from(`${digits}Z`));
  };
  const valid = der(SEQUENCE, time(now - DAY_MS), time(now + DAY_MS));
  const key = publicKey.export({ type: "spki", format: "der" });
  const serial = der(2, Buffer.from([1]));
  const body = der(SEQUENCE, serial, algorithm, name, valid, name, key);
  const signature = der(3, Buffer.from([0]), sign("sha256", body, privateKey));
  const certificate = pem("CERTIFICATE", der(SEQUENCE, body, algorithm, signature));
  const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
  writeFileSync(files.certFile, certificate);
  writeFileSync(files.keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  return { ...files, certificate };
}
