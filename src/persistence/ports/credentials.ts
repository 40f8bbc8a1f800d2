/** What a caller of the admin API may do: `admin` > `operator` > `viewer`. */
export type Role = "admin" | "operator" | "viewer";

/** An API token; the token itself is not kept, only its SHA-256. */
export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly hash: string;
  readonly createdAt: number;
  /** 0 means never. */
  readonly expiresAt: number;
  readonly revokedAt: number;
}

/** Secrets of this installation and the tokens of its admin API. */
export interface CredentialStore {
  /** The named secret; when there is none yet, `fresh` is kept and returned. Atomic. */
  secret(name: string, fresh: Uint8Array): Promise<Uint8Array>;
  /** @throws RuntimeError `store.conflict` when the id or hash is taken. */
  addToken(token: ApiToken): Promise<void>;
  findToken(hash: string): Promise<ApiToken | undefined>;
  tokens(): Promise<readonly ApiToken[]>;
  /** Returns false when there is no such token. */
  revokeToken(id: string, at: number): Promise<boolean>;
}
