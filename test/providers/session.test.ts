import { expect, test } from "vitest";
import type { ProviderItem } from "../../src/providers/provider.ts";
import { sessionProvider } from "../../src/providers/session.ts";
import { sessionNode } from "../testkit/session-node.ts";

const LEDGER = "campaign:c1:1";

function start() {
  const node = sessionNode();
  const provider = sessionProvider({ ...node.desk, clock: node.clock, keyTtlMs: 86_400_000 });
  const send = async (items: readonly ProviderItem[], deadline = 1_000, aborted = false) => {
    const signal = aborted ? AbortSignal.abort() : new AbortController().signal;
    const results = provider.sendBatch(items, { ledger: LEDGER, deadline, fence: 1, signal });
    await node.settle();
    return results;
  };
  return { node, provider, send };
}

function message(member: string, id: string): ProviderItem {
  const expiresAt = Date.UTC(2026, 0, 1, 1);
  return { id, member, topic: "news", payload: '{"a":1}', ack: true, expiresAt };
}

test("a batch is handed to who is here and kept for who is not", async () => {
  const { node, provider, send } = start();
  const ann = node.login("ann");
  await node.settle();
  expect(await send([message("ann", "1"), message("bob", "2")])).toEqual([
    { status: "handed" },
    { status: "handed" },
  ]);
  expect(ann.pushes().map(({ push }) => [push.id, push.payload])).toEqual([["1", '{"a":1}']]);
  const bob = node.login("bob");
  await node.settle();
  expect(bob.offsets()).toEqual([1]);
  bob.ack(1);
  await node.settle();
  expect(await provider.ledger!(LEDGER)).toMatchObject({ accepted: 2, acked: 1, pending: 1 });
});

test("a batch that is sent again is handed again, and nobody gets it twice", async () => {
  const { node, provider, send } = start();
  const ann = node.login("ann");
  await node.settle();
  await send([message("ann", "1")]);
  ann.ack(1);
  await node.settle();
  expect(await send([message("ann", "1")])).toEqual([{ status: "handed" }]);
  expect(ann.offsets()).toEqual([1]);
  expect(await provider.ledger!(LEDGER)).toMatchObject({ accepted: 1, acked: 1 });
});

test("nothing is handed over once the lease has ended or the worker was stopped", async () => {
  const { node, send } = start();
  await node.advance(2_000);
  const late = await send([message("ann", "1")], node.clock.monotonic());
  expect(late).toEqual([{ status: "retry", reason: "the lease has ended" }]);
  expect(await send([message("ann", "1")], 1e9, true)).toMatchObject([{ status: "retry" }]);
  expect(node.store.count("append")).toBe(0);
});

test("what the store did not take is to be sent again", async () => {
  const { node, send } = start();
  node.store.down.add("append");
  expect(await send([message("ann", "1")])).toMatchObject([
    { status: "retry", retryAfterMs: 1_000 },
  ]);
});

test("what was not answered in time is in doubt", async () => {
  const { node, provider } = start();
  node.store.hold();
  const { signal } = new AbortController();
  const sent = provider.sendBatch([message("ann", "1")], {
    ledger: LEDGER,
    deadline: 1_000,
    fence: 1,
    signal,
  });
  await node.advance(20_000);
  expect(await sent).toMatchObject([{ status: "unknown" }]);
  node.store.release();
});
