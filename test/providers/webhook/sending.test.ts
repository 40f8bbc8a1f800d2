import { expect, test } from "vitest";
import { secretKey, verifyRequest } from "../../../src/core/signature.ts";
import { messages, options, providerFor, SECRET, startSink, takeAll } from "./sink.ts";

test("a batch goes as one request, with everything that the receiver needs", async () => {
  const sink = await startSink();
  const results = await providerFor(sink.url).sendBatch(messages(2), options());
  expect(results).toEqual([{ status: "ok" }, { status: "ok" }]);
  const [{ method, path, headers, batch } = expect.unreachable()] = sink.requests;
  expect([method, path]).toEqual(["POST", "/push?team=a"]);
  expect(headers.get("content-type")).toBe("application/json");
  expect(batch).toEqual({
    id: headers.get("idempotency-key"),
    ledger: "campaign:c1:1",
    items: [0, 1].map((n) => ({
      id: `c1:1:0/0:${n}`,
      member: `m-${n}`,
      topic: "news",
      payload: { n, text: 'ü🎉 "x"' },
      expiresAt: 1_800_000_000_000,
    })),
  });
});

test("the receiver can verify the body with any of the secrets, and with no other", async () => {
  const sink = await startSink();
  const old = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
  await providerFor(sink.url, { secrets: [SECRET, old] }).sendBatch(messages(1), options());
  const [{ headers, text, batch } = expect.unreachable()] = sink.requests;
  const verify = (secret: string, body = text): void => {
    verifyRequest({ headers, body }, [secretKey(secret)], Date.now());
  };
  verify(SECRET);
  verify(old);
  expect(headers.get("webhook-id")).toBe(batch.id);
  expect(() => verify(SECRET, text.replace("m-0", "m-1"))).toThrow("signature");
  expect(() => verify(`whsec_${Buffer.alloc(32, 3).toString("base64")}`)).toThrow("signature");
});

test("a batch that is sent again has the same id, and another one does not", async () => {
  const sink = await startSink();
  const provider = providerFor(sink.url);
  for (const items of [messages(3), messages(3), messages(2), messages(3, 1)]) {
    await provider.sendBatch(items, options());
  }
  const ids = sink.requests.map(({ batch }) => batch.id);
  expect(ids[0]).toBe(ids[1]);
  expect(new Set(ids).size).toBe(3);
});

test("requests share connections, at most as many as are configured", async () => {
  const sink = await startSink();
  const provider = providerFor(sink.url, { maxInFlight: 3 });
  for (let round = 0; round < 4; round += 1) {
    const batches = Array.from({ length: 8 }, (_, n) => messages(5, round * 40 + n * 5));
    await Promise.all(batches.map((items) => provider.sendBatch(items, options())));
  }
  expect(sink.requests).toHaveLength(32);
  expect(sink.sockets.size).toBeLessThanOrEqual(3);
});

test("a connection that the server says it will close in a second is not used again", async () => {
  for (const [keepAliveMs, connections] of [
    [1_000, 3],
    [60_000, 1],
  ] as const) {
    const sink = await startSink(takeAll, keepAliveMs);
    const provider = providerFor(sink.url);
    for (let n = 0; n < 3; n += 1) await provider.sendBatch(messages(1, n), options());
    expect(sink.connections()).toBe(connections);
  }
});

test("each item gets its own result, whatever the order of the answer", async () => {
  const sink = await startSink(({ batch }, answer) => {
    const [a, b, c, d, e] = batch.items.map(({ id }) => id);
    answer.json(200, {
      results: [
        { id: e, status: "throttled", retryAfterMs: 700 },
        { id: d, status: "retry", reason: "full", retryAfterMs: 50 },
        { id: "c9:1:0/0:0", status: "ok" },
        { id: b, status: "refused", reason: "blocked\u0000 by\nthem" },
        { id: c, status: "invalid", reason: "no such device" },
        { id: a, status: "ok", providerId: "p-1", cost: 0.04, more: true },
      ],
      more: 1,
    });
  });
  expect(await providerFor(sink.url).sendBatch(messages(5), options())).toEqual([
    { status: "ok", providerId: "p-1", cost: 0.04 },
    { status: "refused", reason: "blocked  by them" },
    { status: "invalid", reason: "no such device" },
    { status: "retry", reason: "full", retryAfterMs: 50 },
    { status: "throttled", retryAfterMs: 700 },
  ]);
});

test("nothing is sent at the deadline, nor after the sender was stopped", async () => {
  const sink = await startSink();
  const provider = providerFor(sink.url);
  const late = await provider.sendBatch(messages(2), options({ deadlineMs: 0 }));
  const stopped = await provider.sendBatch(messages(1), options({ signal: AbortSignal.abort() }));
  const untried = { status: "throttled", cause: "late", retryAfterMs: 0 };
  expect(late).toEqual(Array(2).fill({ ...untried, reason: "the lease has ended" }));
  expect(stopped).toEqual([{ ...untried, reason: "the sender was stopped" }]);
  expect(await provider.sendBatch([], options())).toEqual([]);
  expect(sink.requests).toEqual([]);
});

test("a batch that waited for a connection until after its deadline is not sent", async () => {
  let release = (): void => {};
  const sink = await startSink((_, answer) => {
    release = () => answer.json(200, { results: [] });
  });
  const provider = providerFor(sink.url, { maxInFlight: 1 });
  const first = provider.sendBatch(messages(1), options());
  await sink.arrived(1);
  const deadline = options({ deadlineMs: 5 });
  const second = provider.sendBatch(messages(1, 1), deadline);
  while (performance.now() < deadline.deadline) await new Promise((next) => setImmediate(next));
  release();
  expect(await first).toMatchObject([{ status: "unknown" }]);
  expect(await second).toMatchObject([{ status: "throttled", cause: "late" }]);
  expect(sink.requests).toHaveLength(1);
});

test("what it can do follows from its configuration", () => {
  const url = "https://push.example.com/herald";
  expect(providerFor(url).capabilities).toEqual({
    ...{ maxBatch: 100, maxInFlight: 4, idempotency: "none", keyTtlMs: 0 },
    ...{ receipts: "none", dryRun: false },
  });
  expect(providerFor(url, { keyTtlMs: 60_000, receipts: true }).capabilities).toMatchObject({
    ...{ idempotency: "key", keyTtlMs: 60_000, receipts: "callback" },
  });
});
