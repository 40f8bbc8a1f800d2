import { describe, expect, test } from "vitest";
import type { ApiToken } from "../../src/persistence/ports/credentials.ts";
import { expectError, type OpenStores, openFor } from "./open-stores.ts";

const token = (id: string, overrides: Partial<ApiToken> = {}): ApiToken => ({
  id,
  name: `token ${id}`,
  role: "operator",
  hash: `hash-${id}`,
  createdAt: 1,
  expiresAt: 0,
  revokedAt: 0,
  ...overrides,
});

/** What every `CredentialStore` must do. */
export function credentialStoreConformance(name: string, open: OpenStores): void {
  const start = async () => (await openFor(open)).credentials;

  describe(`${name} keeps secrets and tokens`, () => {
    test("a secret is made once and stays, each by its name", async () => {
      const store = await start();
      const [first, second] = [Uint8Array.of(0, 1, 255), Uint8Array.of(9)];
      expect([...(await store.secret("jwt", first))]).toEqual([0, 1, 255]);
      expect([...(await store.secret("jwt", second))]).toEqual([0, 1, 255]);
      expect([...(await store.secret("resume", second))]).toEqual([9]);
    });

    test("callers at the same time get the same secret", async () => {
      const store = await start();
      const tries = Array.from({ length: 10 }, (_, n) => store.secret("jwt", Uint8Array.of(n)));
      const secrets = (await Promise.all(tries)).map((secret) => secret[0]);
      expect(new Set(secrets).size).toBe(1);
    });

    test("what a caller does to a secret does not reach the store", async () => {
      const store = await start();
      const fresh = Uint8Array.of(1, 2);
      const kept = await store.secret("jwt", fresh);
      fresh[0] = 9;
      kept[1] = 9;
      expect([...(await store.secret("jwt", Uint8Array.of(3)))]).toEqual([1, 2]);
    });

    test("a token is found by its hash and listed in the order of creation", async () => {
      const store = await start();
      const [a, b] = [token("t2"), token("t1", { role: "admin", expiresAt: 4_102_444_800_000 })];
      await store.addToken(a);
      await store.addToken(b);
      expect(await store.findToken("hash-t1")).toEqual(b);
      expect(await store.findToken("hash-t3")).toBeUndefined();
      expect(await store.tokens()).toEqual([a, b]);
    });

    test("neither an id nor a hash can be taken twice", async () => {
      const store = await start();
      await store.addToken(token("t1"));
      await expectError(store.addToken(token("t1", { hash: "other" })), "store.conflict");
      await expectError(store.addToken(token("t2", { hash: "hash-t1" })), "store.conflict");
      expect(await store.tokens()).toEqual([token("t1")]);
    });

    test("a revoked token stays revoked since the first time", async () => {
      const store = await start();
      await store.addToken(token("t1"));
      expect(await store.revokeToken("t1", 50)).toBe(true);
      expect(await store.revokeToken("t1", 60)).toBe(true);
      expect(await store.revokeToken("t2", 60)).toBe(false);
      expect(await store.findToken("hash-t1")).toEqual(token("t1", { revokedAt: 50 }));
    });
  });
}
