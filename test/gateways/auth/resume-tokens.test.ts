import { expect, test } from "vitest";
import { resumeTokens } from "../../../src/gateways/auth/resume-tokens.ts";

const OWNER = { user: "u-1", device: "phone" };
const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

test("a token names its session to its owner", () => {
  const tokens = resumeTokens(secret(1));
  const token = tokens.mint("s_abc.def", OWNER);
  expect(tokens.read(token, OWNER)).toBe("s_abc.def");
  expect(token.length).toBeLessThanOrEqual(256);
});

test("a token is good for its own user and device only", () => {
  const tokens = resumeTokens(secret(1));
  const token = tokens.mint("s_1", OWNER);
  expect(tokens.read(token, { user: "u-2", device: "phone" })).toBeUndefined();
  expect(tokens.read(token, { user: "u-1", device: "tablet" })).toBeUndefined();
  const shifted = tokens.mint("s_1", { user: 'u","x', device: "y" });
  expect(tokens.read(shifted, { user: "u", device: 'x","y' })).toBeUndefined();
});

test("a token of another secret, session or shape is nothing", () => {
  const tokens = resumeTokens(secret(1));
  const token = tokens.mint("s_1", OWNER);
  expect(resumeTokens(secret(2)).read(token, OWNER)).toBeUndefined();
  expect(tokens.read(token.replace("s_1", "s_2"), OWNER)).toBeUndefined();
  const odd = ["", ".", "s_1", "s_1.", "s_1.AAAA", `${token}AAAA`, token.slice(0, -3), `.${token}`];
  for (const text of odd) expect(tokens.read(text, OWNER), text).toBeUndefined();
});

test("a secret that can be guessed is not taken", () => {
  expect(() => resumeTokens(new Uint8Array(8))).toThrow(RangeError);
});
