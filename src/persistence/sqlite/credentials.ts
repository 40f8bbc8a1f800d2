import { RuntimeError } from "../../core/errors.ts";
import type { ApiToken, CredentialStore } from "../ports/credentials.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

const SELECT_TOKEN = `
  SELECT id, name, role, hash, created_at AS createdAt, expires_at AS expiresAt,
    revoked_at AS revokedAt
  FROM api_tokens`;

/** The credentials port's SQL. */
export function credentialOperations(db: Database): Synchronous<CredentialStore> {
  return {
    secret(name, fresh) {
      db.run("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, fresh);
      return db.row<{ value: Uint8Array }>("SELECT value FROM secrets WHERE name = ?", name)!.value;
    },

    addToken(token) {
      const { id, name, role, hash, createdAt, expiresAt, revokedAt } = token;
      const added = db.run(
        `INSERT INTO api_tokens (id, name, role, hash, created_at, expires_at, revoked_at)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        ...[id, name, role, hash, createdAt, expiresAt, revokedAt],
      );
      if (added === 0) throw new RuntimeError("store.conflict", `the token ${id} exists`);
    },

    findToken: (hash) => db.row<ApiToken>(`${SELECT_TOKEN} WHERE hash = ?`, hash),

    tokens: () => db.rows<ApiToken>(`${SELECT_TOKEN} ORDER BY seq`),

    revokeToken(id, at) {
      db.run("UPDATE api_tokens SET revoked_at = ? WHERE id = ? AND revoked_at = 0", at, id);
      return db.row("SELECT 1 FROM api_tokens WHERE id = ?", id) !== undefined;
    },
  };
}
