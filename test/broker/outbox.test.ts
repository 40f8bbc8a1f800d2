import { expect, test } from "vitest";
import { outboxBroker } from "../../src/broker/outbox/outbox-broker.ts";
import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import { brokerConformance } from "../conformance/broker.ts";
import { clockAt, expectError } from "../conformance/open-stores.ts";

const open = (max = 100) => {
  const { outbox } = memoryStores({ inboxPerUserMax: 1, clock: clockAt(0) });
  const broker = outboxBroker({ store: outbox, max });
  const received = async () =>
    (await outbox.read({ after: 0, limit: 1_000 })).map(({ offset: _, ...upload }) => upload);
  return { broker, received };
};

brokerConformance("the outbox", () => Promise.resolve(open()));

test("a full outbox says so and takes nothing", async () => {
  const { broker, received } = open(1);
  const upload = { principal: "ada", device: "d", kind: "k", payload: "1", at: 1 };
  await broker.publish([{ ...upload, key: "1" }]);
  await expectError(broker.publish([{ ...upload, key: "2" }]), "outbox.full");
  expect(await received()).toHaveLength(1);
});
