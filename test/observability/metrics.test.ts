import { expect, test } from "vitest";
import { prometheusMetrics } from "../../src/observability/prometheus-metrics.ts";
import { exportStores } from "../../src/observability/store-metrics.ts";
import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import { VirtualClock } from "../testkit/virtual-clock.ts";

test("the ledger of all messages is among the figures, and adds up", async () => {
  const metrics = prometheusMetrics();
  const stores = memoryStores({ inboxPerUserMax: 10, clock: new VirtualClock() });
  const refresh = exportStores(stores, metrics);
  const item = { user: "u", ledger: "push", topic: "t", payload: "{}", ack: true, expiresAt: 1e15 };
  const [first] = await stores.inbox.append([
    { ...item, id: "a" },
    { ...item, id: "b" },
  ]);
  await stores.inbox.settle([{ user: "u", offset: first!.offset, outcome: "acked" }], 1);
  await refresh();

  const text = await metrics.render();
  expect(text).toContain('herald_ledger_messages{outcome="accepted"} 2');
  expect(text).toContain('herald_ledger_messages{outcome="acked"} 1');
  expect(text).toContain('herald_ledger_messages{outcome="pending"} 1');
  expect(text).toContain("herald_ledger_gap 0");
  expect(text).toMatch(/herald_store_operations\{port="inbox"\} [1-9]/);
});

test("series of one name are told apart by their labels, and read when somebody asks", async () => {
  const metrics = prometheusMetrics();
  let level = 1;
  metrics.observe("herald_level", "A level.", () => level, { side: "left" });
  metrics.observe("herald_level", "A level.", () => 7, { side: "right" });
  metrics.counter("herald_seen_total", "Seen.", { kind: "a" }).add(2);
  metrics.counter("herald_seen_total", "Seen.", { kind: "b" }).add();
  level = 3;
  const text = await metrics.render();
  expect(text).toContain('herald_level{side="left"} 3');
  expect(text).toContain('herald_level{side="right"} 7');
  expect(text).toContain('herald_seen_total{kind="a"} 2');
  expect(text).toContain('herald_seen_total{kind="b"} 1');
});
