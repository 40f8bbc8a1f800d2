import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type TestNode, testNode } from "./node.ts";
import type { PageConnection } from "./page-client.ts";

const UNAUTHORIZED = { error: "auth.invalid", kick: 4202, reason: "unauthorized" };
const EXPIRED = { error: "auth.expired", kick: 4203, reason: "credential-expired" };

const other = generateKeyPairSync("ed25519");
const partner = generateKeyPairSync("ed25519");
const partnerPem = partner.publicKey.export({ type: "spki", format: "pem" }).toString();
const publicKeys = [{ kid: "partner", pem: partnerPem }];
const SECRET = Buffer.from("a secret of thirty-two bytes, or some more");
const tokens = { secret: SECRET, publicKeys };

type Claims = Readonly<Record<string, unknown>>;
type Signer = (input: Buffer) => Buffer;

const hs256 =
  (secret: string | Buffer): Signer =>
  (input) =>
    createHmac("sha256", secret).update(input).digest();
const ed25519 =
  (key: typeof partner.privateKey): Signer =>
  (input) =>
    sign(null, input, key);

/** A JWT by hand: nothing of the server's own code has a part in it. */
function jwt(header: Claims, claims: Claims, signer: Signer): string {
  const part = (value: Claims) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${signer(Buffer.from(input)).toString("base64url")}`;
}

function claimsOf(node: TestNode, more: Claims = {}): Claims {
  return { sub: "ada", exp: Math.floor(node.clock.now() / 1000) + 600, ...more };
}

async function helloWith(node: TestNode, credential: string, device = "phone") {
  const connection = await node.open();
  connection.send({ type: "hello", credential, device });
  return connection;
}

async function expectRefused(connection: PageConnection, refusal: typeof UNAUTHORIZED) {
  const { code, kick } = await connection.closed();
  expect(connection.frames.map(({ type }) => type)).toEqual(["error", "kick"]);
  expect(connection.frames[0]).toMatchObject({ code: refusal.error });
  expect(kick).toMatchObject({ code: refusal.kick, reason: refusal.reason, reconnect: false });
  expect(code).toBe(refusal.kick);
}

describe("a credential", () => {
  test.each<[string, (node: TestNode) => string]>([
    ["no JWT", () => "no.such.token"],
    [
      "one of another secret",
      (node) => jwt({ alg: "HS256" }, claimsOf(node), hs256("another secret of thirty-two bytes")),
    ],
    ["alg none", (node) => jwt({ alg: "none" }, claimsOf(node), () => Buffer.alloc(0))],
    ["alg None", (node) => jwt({ alg: "None" }, claimsOf(node), () => Buffer.alloc(0))],
    [
      "the public key as a shared secret",
      (node) => jwt({ alg: "HS256", kid: "partner" }, claimsOf(node), hs256(partnerPem)),
    ],
    [
      "HS512 by the right secret",
      (node) =>
        jwt({ alg: "HS512" }, claimsOf(node), (input) =>
          createHmac("sha512", SECRET).update(input).digest(),
        ),
    ],
    [
      "EdDSA by a foreign key under a known kid",
      (node) => jwt({ alg: "EdDSA", kid: "partner" }, claimsOf(node), ed25519(other.privateKey)),
    ],
    [
      "EdDSA by a known key under another kid",
      (node) => jwt({ alg: "EdDSA", kid: "else" }, claimsOf(node), ed25519(partner.privateKey)),
    ],
    [
      "a key that it brings along",
      (node) => {
        const jwk = other.publicKey.export({ format: "jwk" }) as Claims;
        return jwt({ alg: "EdDSA", jwk }, claimsOf(node), ed25519(other.privateKey));
      },
    ],
    ["no sub", (node) => jwt({ alg: "HS256" }, claimsOf(node, { sub: undefined }), hs256(SECRET))],
    ["no exp", (node) => jwt({ alg: "HS256" }, claimsOf(node, { exp: undefined }), hs256(SECRET))],
    [
      "a sub with a line feed",
      (node) => jwt({ alg: "HS256" }, claimsOf(node, { sub: "a\nb" }), hs256(SECRET)),
    ],
    [
      "a sub that is too long",
      (node) => jwt({ alg: "HS256" }, claimsOf(node, { sub: "a".repeat(129) }), hs256(SECRET)),
    ],
    [
      "an iat more than 60 seconds ahead",
      (node) => {
        const iat = node.clock.now() / 1000 + 61;
        return jwt({ alg: "HS256" }, claimsOf(node, { iat }), hs256(SECRET));
      },
    ],
    [
      "one for another device",
      (node) => jwt({ alg: "HS256" }, claimsOf(node, { dev: "tablet" }), hs256(SECRET)),
    ],
  ])("is refused, with why, before a session: %s", async (_, make) => {
    const node = testNode({ tokens });
    const credential = make(node);
    const connection = await helloWith(node, credential);
    await expectRefused(connection, UNAUTHORIZED);
    expect(JSON.stringify(connection.frames)).not.toContain(credential);
    expect(node.gateway.connections).toBe(0);
    await node.serves();
  });

  test.each([0, 1, 3_600])("that expired %d seconds ago is refused as expired", async (ago) => {
    const node = testNode({ tokens });
    const exp = node.clock.now() / 1000 - ago;
    const credential = jwt({ alg: "HS256" }, claimsOf(node, { exp }), hs256(SECRET));
    await expectRefused(await helloWith(node, credential), EXPIRED);
  });

  test.each<[string, (node: TestNode) => string]>([
    ["HS256", (node) => jwt({ alg: "HS256" }, claimsOf(node), hs256(SECRET))],
    [
      "EdDSA by its kid",
      (node) => jwt({ alg: "EdDSA", kid: "partner" }, claimsOf(node), ed25519(partner.privateKey)),
    ],
    [
      "EdDSA without a kid",
      (node) => jwt({ alg: "EdDSA" }, claimsOf(node), ed25519(partner.privateKey)),
    ],
    [
      "a dev claim of this device",
      (node) => jwt({ alg: "HS256" }, claimsOf(node, { dev: "phone" }), hs256(SECRET)),
    ],
    [
      "an iat 60 seconds ahead",
      (node) => {
        const iat = node.clock.now() / 1000 + 60;
        return jwt({ alg: "HS256" }, claimsOf(node, { iat }), hs256(SECRET));
      },
    ],
  ])("is accepted: %s", async (_, make) => {
    const node = testNode({ tokens });
    const connection = await helloWith(node, make(node));
    expect((await connection.next("welcome"))["head"]).toBe(0);
  });

  test("says who the device is, whatever other fields say", async () => {
    const node = testNode();
    await node.push("ada", { for: "ada" });
    await node.push("eve", { for: "eve" });
    const connection = await node.open();
    const credential = await node.credential("eve");
    const claims = { user: "ada", sub: "ada", userId: "ada" };
    connection.send({ type: "hello", credential, device: "phone", ...claims });
    const pushed = await connection.next("push");
    expect(pushed["payload"]).toEqual({ for: "eve" });
  });
});

describe("a resume token", () => {
  test.each([
    ["of another user", "eve", "phone"],
    ["of another device of the same user", "ada", "tablet"],
  ])("%s opens nothing but a new session", async (_, user, device) => {
    const node = testNode();
    const owner = await node.login("ada", { device: "phone" });
    await node.push("ada", { secret: true });
    await owner.pushes(1);
    const thief = await node.device(user, { device });
    thief.resume = owner.resume;
    thief.handledUpTo = 0;
    const welcome = await thief.connect();
    expect(welcome["session"]).not.toBe((await owner.connection.next("welcome"))["session"]);
    expect(await thief.pushes(0)).toHaveLength(user === "ada" ? 1 : 0);
    // The owner has not noticed anything.
    await owner.connection.ping();
  });

  test.each(["x", "s_1.AAAA", ".", "a.b.c", "s_\u0000.x", "é".repeat(256)])(
    "that nobody made (%j) is no error",
    async (resume) => {
      const node = testNode();
      const device = await node.device("ada");
      device.resume = resume;
      expect((await device.connect())["session"]).toMatch(/^s_/);
    },
  );

  test("whose proof was changed in one bit opens nothing but a new session", async () => {
    const node = testNode();
    const owner = await node.login("ada");
    const { session } = await owner.connection.next("welcome");
    const proof = owner.resume!;
    const last = proof.slice(-5, -4);
    const forger = await node.device("ada");
    forger.resume = `${proof.slice(0, -5)}${last === "A" ? "B" : "A"}${proof.slice(-4)}`;
    expect((await forger.connect())["session"]).not.toBe(session);
  });
});
