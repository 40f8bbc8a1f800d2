import type { PageOf, PageRequest } from "./audience.ts";

/** One change: who asked for what, and what came of it. */
export interface AuditEntry {
  /** Id of the API token, or `cli`, or `system`. */
  readonly by: string;
  /** The operation, as `campaign.start`. */
  readonly action: string;
  readonly target: string;
  /** `ok`, or the error's code. */
  readonly outcome: string;
  readonly requestId: string;
  readonly at: number;
}

/** The record of changes; append only. */
export interface AuditStore {
  /** Durable when it resolves. */
  append(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  list(request: PageRequest): Promise<PageOf<AuditEntry & { readonly seq: number }>>;
}
