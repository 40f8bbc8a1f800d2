import { expect, test } from "vitest";
import { networkOf, remoteAddress } from "../../src/gateways/remote-address.ts";

test.each([
  ["", ""],
  ["127.0.0.1", "127.0.0.1"],
  ["0000:0000:0000:0000:0000:ffff:7f00:0001", "127.0.0.1"],
  ["0000:0000:0000:0000:0000:ffff:c000:02ff", "192.0.2.255"],
  ["2001:0db8:0000:0000:0000:ffff:c000:02ff", "2001:db8::ffff:c000:2ff"],
  ["0000:0000:0000:0000:0000:0000:0000:0001", "::1"],
])("an address has one name however the node listens: %s", (text, expected) => {
  expect(remoteAddress(new TextEncoder().encode(text).buffer)).toBe(expected);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:201", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8::/64"],
  ["2001:db8::5:6:7:8:9", "2001:db8:0:5::/64"],
  ["2001:db8:0:5::", "2001:db8:0:5::/64"],
  ["1::", "1::/64"],
  ["::1", "::/64"],
  ["::2:3:4:5:6:7:8", "0:2:3:4::/64"],
  ["fe80::1%lo", "fe80::/64"],
  ["2001:db8:1:2::/64", "2001:db8:1:2::/64"],
  ["", ""],
  ["board:17", "board:17"],
])("%s is counted as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
