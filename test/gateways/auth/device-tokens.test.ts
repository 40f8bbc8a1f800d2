import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { RuntimeError } from "../../../src/core/errors.ts";
import { type DeviceTokenOptions, deviceTokens } from "../../../src/gateways/auth/device-tokens.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

const SECRET = Buffer.from("a shared secret of at least 32 bytes!");
const PHONE = { kind: "phone", grants: undefined };

function start(overrides: Partial<DeviceTokenOptions> = {}) {
  const clock = new VirtualClock();
  const tokens = deviceTokens({ secret: SECRET, publicKeys: [], clock, ...overrides });
  const sign = (
    claims: Record<string, unknown>,
    key: KeyObject | Uint8Array = SECRET,
    header: { alg: string; kid?: string } = { alg: "HS256" },
  ): Promise<string> => {
    const nowSeconds = clock.now() / 1000;
    const body = { sub: "u-1", exp: nowSeconds + 60, ...claims };
    return new SignJWT(body).setProtectedHeader(header).sign(key);
  };
  const codeOf = async (credential: string): Promise<string> => {
    const result = await tokens.verify(credential);
    return result.ok ? "ok" : result.error.code;
  };
  return { clock, tokens, sign, codeOf };
}

function keyPair(): { pem: string; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return { pem: publicKey.export({ type: "spki", format: "pem" }) as string, privateKey };
}

test("a minted token says who it is for and until when", async () => {
  const { tokens, clock } = start();
  const any = await tokens.mint({ user: "u-1", ttlMs: 60_000 });
  const expiresAt = clock.now() + 60_000;
  expect(await tokens.verify(any)).toEqual({
    ok: true,
    value: { ...PHONE, principal: "u-1", device: undefined, expiresAt },
  });
  const one = await tokens.mint({ user: "ü 2", device: "phone", ttlMs: 60_000 });
  expect(await tokens.verify(one)).toEqual({
    ok: true,
    value: { ...PHONE, principal: "ü 2", device: "phone", expiresAt },
  });
});

test("a board's token names the board and never a user", async () => {
  const { tokens, sign, codeOf, clock } = start();
  const board = await tokens.mint({ user: "b-1", kind: "board", ttlMs: 60_000 });
  const expiresAt = clock.now() + 60_000;
  expect(await tokens.verify(board)).toEqual({
    ok: true,
    value: {
      principal: "board:b-1",
      kind: "board",
      grants: undefined,
      device: undefined,
      expiresAt,
    },
  });
  expect(await codeOf(await sign({ sub: "board:b-1" }))).toBe("auth.invalid");
  expect(await codeOf(await sign({ sub: "board:b-1", kind: "board" }))).toBe("auth.invalid");
  expect(await codeOf(await sign({ sub: "user:ann" }))).toBe("auth.invalid");
  expect(await codeOf(await sign({ sub: "b".repeat(128), kind: "board" }))).toBe("auth.invalid");
  expect(await codeOf(await sign({ kind: "thing" }))).toBe("auth.invalid");
  const posing = tokens.mint({ user: "board:b-1", ttlMs: 1 });
  await expect(posing).rejects.toMatchObject({ code: "auth.invalid" });
  const address = tokens.mint({ user: "board:b-1", kind: "board", ttlMs: 1 });
  await expect(address).rejects.toThrow("an id without session:, user:, board:");
});

test("a token says which topics its device may use, within bounds", async () => {
  const { tokens, sign, codeOf } = start();
  const grants = { subscribe: ["news.*"], publish: [] };
  const minted = await tokens.verify(await tokens.mint({ user: "u", grants, ttlMs: 60_000 }));
  expect(minted.ok && minted.value.grants).toEqual(grants);
  const partly = await tokens.verify(await sign({ topics: { pub: ["a"] } }));
  expect(partly.ok && partly.value.grants).toEqual({ subscribe: [], publish: ["a"] });
  const wrong = ["news.*", ["news.*"], { sub: "news.*" }, { sub: [1] }, { sub: [""] }, null];
  for (const topics of [...wrong, { pub: Array(65).fill("a") }]) {
    expect(await codeOf(await sign({ topics })), JSON.stringify(topics)).toBe("auth.invalid");
  }
});

test("a token is good until its last second and expired from then on", async () => {
  const { tokens, clock, codeOf } = start();
  const token = await tokens.mint({ user: "u", ttlMs: 10_000 });
  clock.advance(9_999);
  expect(await codeOf(token)).toBe("ok");
  clock.advance(1);
  expect(await codeOf(token)).toBe("auth.expired");
  clock.advance(3_600_000);
  expect(await codeOf(token)).toBe("auth.expired");
});

test("an exp with a fraction of a second expires at a whole millisecond", async () => {
  const { tokens, clock, sign } = start();
  const credential = await sign({ exp: clock.now() / 1000 + 9.876_54 });
  expect(await tokens.verify(credential)).toMatchObject({
    value: { expiresAt: clock.now() + 9_876 },
  });
});

test("claims that are missing or not what they should be are refused", async () => {
  const { sign, codeOf, clock } = start();
  const inSeconds = (seconds: number): number => clock.now() / 1000 + seconds;
  expect(await codeOf(await sign({}))).toBe("ok");
  for (const claims of [
    { sub: undefined },
    { sub: "" },
    { sub: "u".repeat(129) },
    { sub: "a\u0000b" },
    { sub: 7 },
    { exp: undefined },
    { exp: "soon" },
    { exp: 1e300 },
    { dev: 5 },
    { dev: "" },
    { nbf: inSeconds(120) },
    { iat: inSeconds(120) },
  ]) {
    expect(await codeOf(await sign(claims)), JSON.stringify(claims)).toBe("auth.invalid");
  }
  expect(await codeOf(await sign({ nbf: inSeconds(30), iat: inSeconds(30) }))).toBe("ok");
});

test("issuer and audience count where they are configured", async () => {
  const { sign, codeOf, tokens } = start({ issuer: "https://id.example", audience: "herald" });
  expect(await codeOf(await sign({}))).toBe("auth.invalid");
  expect(await codeOf(await sign({ iss: "https://id.example", aud: "other" }))).toBe(
    "auth.invalid",
  );
  expect(await codeOf(await sign({ iss: "https://id.example", aud: ["x", "herald"] }))).toBe("ok");
  expect(await codeOf(await tokens.mint({ user: "u", ttlMs: 1000 }))).toBe("ok");
});

test("Ed25519 keys are chosen by kid, or tried one by one where there is none", async () => {
  const [first, second, foreign] = [keyPair(), keyPair(), keyPair()];
  const { sign, codeOf } = start({
    publicKeys: [
      { kid: "one", pem: first.pem },
      { kid: "two", pem: second.pem },
    ],
  });
  const by = (key: KeyObject, header: { alg: string; kid?: string }) => sign({}, key, header);
  expect(await codeOf(await by(second.privateKey, { alg: "EdDSA", kid: "two" }))).toBe("ok");
  expect(await codeOf(await by(second.privateKey, { alg: "Ed25519", kid: "two" }))).toBe("ok");
  expect(await codeOf(await by(second.privateKey, { alg: "EdDSA" }))).toBe("ok");
  const wrong = "auth.invalid";
  expect(await codeOf(await by(second.privateKey, { alg: "EdDSA", kid: "one" }))).toBe(wrong);
  expect(await codeOf(await by(second.privateKey, { alg: "EdDSA", kid: "three" }))).toBe(wrong);
  expect(await codeOf(await by(foreign.privateKey, { alg: "EdDSA" }))).toBe(wrong);
});

test("a key counts only for its own algorithm", async () => {
  const { pem, privateKey } = keyPair();
  const { sign, codeOf } = start({ publicKeys: [{ kid: "k", pem }] });
  expect(await codeOf(await sign({}, privateKey, { alg: "EdDSA", kid: "k" }))).toBe("ok");
  // The public key as a shared secret: the classic confusion.
  const asSecret = await sign({}, Buffer.from(pem.padEnd(40)), { alg: "HS256", kid: "k" });
  expect(await codeOf(asSecret)).toBe("auth.invalid");
  expect(await codeOf(await sign({}, SECRET, { alg: "HS512" }))).toBe("auth.invalid");
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = part({ sub: "u", exp: 4_000_000_000 });
  expect(await codeOf(`${part({ alg: "none" })}.${body}.`)).toBe("auth.invalid");
  const unsigned = `${part({ alg: "HS256", crit: ["b64"], b64: false })}.${body}`;
  const signature = createHmac("sha256", SECRET).update(unsigned).digest("base64url");
  expect(await codeOf(`${unsigned}.${signature}`)).toBe("auth.invalid");
});

test("what is no token is refused without repeating it", async () => {
  const { tokens, sign } = start();
  const good = await sign({});
  const [head, body, proof] = good.split(".");
  for (const text of ["x", "..", "a.b.c", `${head}.${body}.`, `${head}.e30.${proof}`, `${good}A`]) {
    const result = await tokens.verify(text);
    expect(result.ok).toBe(false);
    if (!result.ok) {
      expect(result.error.code).toBe("auth.invalid");
      expect(result.error.message).not.toContain(body);
    }
  }
});

test("keys that cannot be used are reported at once", () => {
  const codeOf = (overrides: Partial<DeviceTokenOptions>): string => {
    try {
      start(overrides);
      return "ok";
    } catch (error) {
      return error instanceof RuntimeError ? error.code : String(error);
    }
  };
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
  const rsaPem = rsa.export({ type: "spki", format: "pem" }) as string;
  const privatePem = keyPair().privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  expect(codeOf({ secret: Buffer.from("short") })).toBe("config.invalid");
  expect(codeOf({ publicKeys: [{ kid: "k", pem: "nonsense" }] })).toBe("config.invalid");
  expect(codeOf({ publicKeys: [{ kid: "k", pem: rsaPem }] })).toBe("config.invalid");
  expect(codeOf({ publicKeys: [{ kid: "k", pem: privatePem }] })).toBe("config.invalid");
});

test("a token is minted for names only", async () => {
  const { tokens } = start();
  await expect(tokens.mint({ user: "", ttlMs: 1 })).rejects.toMatchObject({ code: "auth.invalid" });
  const odd = tokens.mint({ user: "u", device: "a\tb", ttlMs: 1 });
  await expect(odd).rejects.toMatchObject({ code: "auth.invalid" });
});
