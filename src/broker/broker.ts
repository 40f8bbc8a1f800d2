import type { Result } from "../core/result.ts";
import type { NewUpload } from "../persistence/ports/outbox.ts";

/**
 * Where uploads of devices go so that the user's back end gets them.
 *
 * `publish` says what became of each, in their order: what it has taken is durable at the other
 * side. Where it rejects, none counts as published. Publishing one again with the same principal
 * and key must not make two of it where the broker can tell. Every adapter passes
 * `test/conformance/broker.ts`.
 */
export interface Broker {
  readonly name: string;
  /**
   * A result may be `outbox.full` (retryable): of different devices, one's is not the other's.
   *
   * @throws RuntimeError `broker.unavailable` or `store.unavailable` (retryable).
   */
  publish(uploads: readonly NewUpload[]): Promise<readonly Result<true>[]>;
  close(): Promise<void>;
}
