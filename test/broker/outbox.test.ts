import { expect, test } from "vitest";
import { outboxBroker } from "../../src/broker/outbox/outbox-broker.ts";
import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import { brokerConformance } from "../conformance/broker.ts";
import { clockAt } from "../conformance/open-stores.ts";

const open = (max = 100) => {
  const { outbox } = memoryStores({ inboxPerUserMax: 1, clock: clockAt(0) });
  const broker = outboxBroker({ store: outbox, max });
  const received = async () =>
    (await outbox.read({ after: 0, limit: 1_000 })).map(({ offset: _, ...upload }) => upload);
  return { broker, received };
};

brokerConformance("the outbox", () => Promise.resolve(open()));

test("a full outbox says so of what it has not taken", async () => {
  const { broker, received } = open(2);
  const upload = { principal: "ada", device: "d", kind: "k", payload: "1", at: 1 };
  const uploads = ["1", "2", "3"].map((key) => ({ ...upload, key }));
  expect(await broker.publish(uploads)).toMatchObject([
    ...[{ ok: true }, { ok: true }],
    { ok: false, error: { code: "outbox.full" } },
  ]);
  expect((await received()).map(({ key }) => key)).toEqual(["1", "2"]);
});
