import { RuntimeError } from "../../core/errors.ts";
import type { ApiToken, CredentialStore } from "../ports/credentials.ts";
import type { Synchronous } from "../synchronous.ts";

export function memoryCredentials(): Synchronous<CredentialStore> {
  const secrets = new Map<string, Uint8Array>();
  const tokens: ApiToken[] = [];
  return {
    secret(name, fresh) {
      const kept = secrets.get(name) ?? fresh.slice();
      secrets.set(name, kept);
      return kept.slice();
    },
    addToken(token) {
      if (tokens.some(({ id, hash }) => id === token.id || hash === token.hash)) {
        throw new RuntimeError("store.conflict", `the token ${token.id} exists`);
      }
      tokens.push({ ...token });
    },
    findToken(hash) {
      const token = tokens.find((each) => each.hash === hash);
      return token && { ...token };
    },
    tokens: () => tokens.map((token) => ({ ...token })),
    revokeToken(id, at) {
      const index = tokens.findIndex((token) => token.id === id);
      const token = tokens[index];
      if (token === undefined) return false;
      if (token.revokedAt === 0) tokens[index] = { ...token, revokedAt: at };
      return true;
    },
  };
}
