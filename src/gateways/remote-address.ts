import { Buffer } from "node:buffer";
import { isIPv4, isIPv6, SocketAddress } from "node:net";

/** How an IPv4 address looks on a socket that listens for both kinds. */
export const MAPPED = "::ffff:";
/** Of the eight groups of an IPv6 address, how many the network gives; the others one chooses. */
const NETWORK_GROUPS = 4;
const GROUPS = 8;

/**
 * The address of a device as people write it.
 *
 * Of IPv4 it is the same whether the node listens on `0.0.0.0` or on `::`, so that limits, bans
 * and what is shown of a device have one name for it. IPv6 is in its shortest form.
 *
 * @see RFC 5952
 */
export function plainAddress(address: string): string {
  if (!isIPv6(address)) return address;
  const short = new SocketAddress({ address, family: "ipv6" }).address;
  const last = short.startsWith(MAPPED) ? short.slice(MAPPED.length) : "";
  return isIPv4(last) ? last : short;
}

/** The same from the text of uWebSockets.js. */
export function remoteAddress(text: ArrayBuffer): string {
  return plainAddress(Buffer.from(text).toString());
}

/**
 * What is counted as one address: of IPv6 the first 64 bits, as `2001:db8:0:1::/64`.
 *
 * Whoever has one IPv6 address has a whole network of that size to choose others from. An IPv4
 * address, and what is a network already, is as it is.
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [first = [], last = []] = plain.split("::").map((half) => half.split(":"));
  const zeros = Array.from({ length: GROUPS - first.length - last.length }, () => "0");
  const network = [...first, ...zeros, ...last].slice(0, NETWORK_GROUPS);
  return `${plainAddress(`${network.map((group) => group || "0").join(":")}::`)}/64`;
}
