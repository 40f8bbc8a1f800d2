/** The answer that a repeated request gets again. */
export interface StoredResponse {
  readonly status: number;
  readonly body: string;
}

export type RequestClaim =
  | { readonly type: "fresh" }
  | { readonly type: "running" }
  | { readonly type: "mismatch" }
  | { readonly type: "done"; readonly response: StoredResponse };

/** Remembers requests by their idempotency key, so that a repeated one is not done twice. */
export interface RequestStore {
  /**
   * Claims the key for the caller, atomically. The key's scope (token, method, path) is part of
   * `key`; `fingerprint` is of the body. A claim that was left running by a dead node
   * (another `owner`) is `fresh` again.
   */
  begin(claim: {
    readonly key: string;
    readonly fingerprint: string;
    readonly owner: string;
    readonly at: number;
  }): Promise<RequestClaim>;
  finish(key: string, response: StoredResponse): Promise<void>;
  /** Gives the key up, so that the request may be tried again (after a retryable error). */
  abandon(key: string): Promise<void>;
  purge(before: number): Promise<number>;
}
