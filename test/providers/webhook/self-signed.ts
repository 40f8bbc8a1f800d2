import { generateKeyPairSync, sign } from "node:crypto";

/** A certificate that only its own key vouches for, made on the spot (X.509 v3, P-256). */
export function selfSigned(name: string): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid("2a8648ce3d040302"));
  const who = sequence(set(sequence(oid("550403"), element(0x0c, Buffer.from(name)))));
  const toBeSigned = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.from([1])),
    algorithm,
    who,
    sequence(time("200101000000Z"), time("491231235959Z")),
    who,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  const bits = element(0x03, Buffer.concat([Buffer.from([0]), signature]));
  const der = sequence(toBeSigned, algorithm, bits);
  const lines = der.toString("base64").replace(/(.{64})/g, "$1\n");
  const label = "CERTIFICATE-----";
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN ${label}\n${lines}\n-----END ${label}\n`,
  };
}

/** One element of DER: its tag, its length, what it holds. */
function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...content: readonly Buffer[]): Buffer => element(0x30, ...content);
const set = (...content: readonly Buffer[]): Buffer => element(0x31, ...content);
const oid = (hex: string): Buffer => element(0x06, Buffer.from(hex, "hex"));
const time = (text: string): Buffer => element(0x17, Buffer.from(text));
