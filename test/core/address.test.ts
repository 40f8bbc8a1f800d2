import { expect, test } from "vitest";
import { parseAddress } from "../../src/core/address.ts";

test.each([
  ["user:ann", { type: "user", id: "ann" }],
  ["board:users:1", { type: "board", id: "users:1" }],
  ["topic:user:ann", { type: "topic", id: "user:ann" }],
  ["boards", { type: "boards" }],
])("%s is an address", (text, address) => {
  expect(parseAddress(text)).toEqual({ ok: true, value: address });
});

test.each([
  "board:board:x",
  "user:user:x",
  "user:board:x",
  "family:user:x",
  "user:",
  "boards:x",
  "",
])("'%s' is none: nobody's id begins like an address", (text) => {
  const { ok } = parseAddress(text);
  expect(ok).toBe(false);
});
