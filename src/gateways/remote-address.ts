import { Buffer } from "node:buffer";

/** How an IPv4 address looks on a socket that listens for both kinds, up to its last 32 bits. */
const MAPPED = "0000:0000:0000:0000:0000:ffff:";

/**
 * The address of a device as people write it, from the text of uWebSockets.js.
 *
 * Of IPv4 it is the same whether the node listens on `0.0.0.0` or on `::`, so that limits, bans
 * and what is shown of a device have one name for it. IPv6 stays as it is, in full.
 */
export function remoteAddress(text: ArrayBuffer): string {
  const address = Buffer.from(text).toString();
  if (!address.startsWith(MAPPED)) return address;
  const digits = address.slice(MAPPED.length).replace(":", "");
  return [...Buffer.from(digits, "hex")].join(".");
}
