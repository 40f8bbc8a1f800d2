import { RuntimeError } from "../../core/errors.ts";
import { fail, ok } from "../../core/result.ts";
import type { OutboxStore } from "../../persistence/ports/outbox.ts";
import type { Broker } from "../broker.ts";

export interface OutboxBrokerOptions {
  readonly store: OutboxStore;
  /** Uploads that may be kept at once. */
  readonly max: number;
}

/** The broker that needs no other service: consumers read the node's own outbox over HTTP. */
export function outboxBroker({ store, max }: OutboxBrokerOptions): Broker {
  return {
    name: "outbox",
    async publish(uploads) {
      const appended = await store.append(uploads, max);
      return uploads.map((_, index) => (index < appended.length ? ok(true) : full(max)));
    },
    close: () => Promise.resolve(),
  };
}

function full(max: number) {
  const message = `the outbox has ${max} uploads that are not acknowledged by all consumers`;
  return fail<true>(new RuntimeError("outbox.full", message));
}
