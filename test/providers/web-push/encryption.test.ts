import { createECDH } from "node:crypto";
import { expect, test } from "vitest";
import { CONTENT_BYTES_MAX, encrypt } from "../../../src/providers/web-push/encryption.ts";
import { decrypt, newBrowser } from "./browser.ts";

/** The example of RFC 8291, section 5 and appendix A. */
const EXAMPLE = {
  text: "When I grow up, I want to be a watermelon",
  sender: "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
  receiver: "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
  p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
  auth: "BTBZMqHH6r4Tts7J_aSIgg",
  salt: "DGv6ra1nlYgDCS1FRnbzlw",
  body: [
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml",
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT",
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
  ].join(""),
};

function keyOf(privateKey: string) {
  const key = createECDH("prime256v1");
  key.setPrivateKey(privateKey, "base64url");
  return key;
}

test("the example of RFC 8291 is encrypted to the bytes that it prints", () => {
  const fresh = { key: keyOf(EXAMPLE.sender), salt: Buffer.from(EXAMPLE.salt, "base64url") };
  const body = encrypt(Buffer.from(EXAMPLE.text), EXAMPLE, fresh);
  expect(body.toString("base64url")).toBe(EXAMPLE.body);
});

test("the browser of these tests reads the example of RFC 8291", () => {
  const browser = { key: keyOf(EXAMPLE.receiver), auth: Buffer.from(EXAMPLE.auth, "base64url") };
  expect(browser.key.getPublicKey("base64url")).toBe(EXAMPLE.p256dh);
  expect(decrypt(Buffer.from(EXAMPLE.body, "base64url"), browser)).toBe(EXAMPLE.text);
});

test("only the browser that a message is for can read it", () => {
  const [mine, other] = [newBrowser(), newBrowser()];
  const body = encrypt(Buffer.from("ü🎉"), mine.keys);
  expect(decrypt(body, mine)).toBe("ü🎉");
  expect(() => decrypt(body, other)).toThrow();
  expect(() => decrypt(body, { ...mine, auth: other.auth })).toThrow();
  const changed = Buffer.from(body);
  changed[changed.length - 20]! ^= 1;
  expect(() => decrypt(changed, mine)).toThrow();
});

test("two messages of the same content have no bytes of their keys in common", () => {
  const { keys } = newBrowser();
  const [one, two] = [encrypt(Buffer.from("x"), keys), encrypt(Buffer.from("x"), keys)];
  expect(one.subarray(0, 16)).not.toEqual(two.subarray(0, 16));
  expect(one.subarray(21, 86)).not.toEqual(two.subarray(21, 86));
});

test("the longest content makes the longest body that every push service takes", () => {
  const browser = newBrowser();
  const text = "x".repeat(CONTENT_BYTES_MAX);
  const body = encrypt(Buffer.from(text), browser.keys);
  expect(body.byteLength).toBe(4_096);
  expect(decrypt(body, browser)).toBe(text);
});
