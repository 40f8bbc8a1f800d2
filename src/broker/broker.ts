import type { NewUpload } from "../persistence/ports/outbox.ts";

/**
 * Where uploads of devices go so that the user's back end gets them.
 *
 * `publish` resolves once all are durable at the other side, or rejects and none counts as
 * published; publishing one again with the same principal and key must not make two of it where
 * the broker can tell. Every adapter passes `test/conformance/broker.ts`.
 */
export interface Broker {
  readonly name: string;
  /**
   * @throws RuntimeError `outbox.full` (retryable), `broker.unavailable` (retryable).
   */
  publish(uploads: readonly NewUpload[]): Promise<void>;
  close(): Promise<void>;
}
