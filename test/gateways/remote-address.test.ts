import { expect, test } from "vitest";
import { remoteAddress } from "../../src/gateways/remote-address.ts";

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["0000:0000:0000:0000:0000:ffff:7f00:0001", "127.0.0.1"],
  ["0000:0000:0000:0000:0000:ffff:c000:02ff", "192.0.2.255"],
  ["2001:0db8:0000:0000:0000:ffff:c000:02ff", "2001:0db8:0000:0000:0000:ffff:c000:02ff"],
  ["0000:0000:0000:0000:0000:0000:0000:0001", "0000:0000:0000:0000:0000:0000:0000:0001"],
])("an IPv4 address has one name however the node listens: %s", (text, expected) => {
  expect(remoteAddress(new TextEncoder().encode(text).buffer)).toBe(expected);
});
