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
    publish: async (uploads) => void (await store.append(uploads, max)),
    close: () => Promise.resolve(),
  };
}
