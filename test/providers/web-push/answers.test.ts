import { describe, expect, test } from "vitest";
import { type Behavior, created } from "./push-service.ts";
import { message, options, startWebPush } from "./rig.ts";

const answering =
  (status: number, headers: Record<string, string> = {}, body = ""): Behavior =>
  (response) =>
    void response.writeHead(status, headers).end(body);

async function outcomeOf(behavior: Behavior, timeoutMs = 5_000) {
  const rig = await startWebPush(behavior, { timeoutMs });
  const endpoint = await rig.subscribe("ann");
  const [result] = await rig.provider.sendBatch([message("ann")], options());
  const left = await rig.stores.subscriptions.ofMembers(["ann"]);
  return { result: result!, endpoint, left: left.length, requests: rig.service.delivered.length };
}

test.each([200, 201, 202, 204])("a message that is answered with %i has been taken", async (it) => {
  const { result, left } = await outcomeOf(answering(it));
  expect(result).toEqual({ status: "ok" });
  expect(left).toBe(1);
});

test.each([404, 410])("a subscription that is gone (%i) is forgotten and named", async (status) => {
  const { result, endpoint, left } = await outcomeOf(answering(status, {}, "  no\nmore\u0007 "));
  expect(result).toEqual({
    ...{ status: "invalid", reason: `HTTP ${status}: no more`, addresses: [endpoint] },
  });
  expect(left).toBe(0);
});

test.each([400, 401, 403, 413, 301, 307])("what is answered with %i is refused", async (status) => {
  const elsewhere = { location: "http://127.0.0.1:1/" };
  const { result, left, requests } = await outcomeOf(answering(status, elsewhere, "why"));
  expect(result).toEqual({ status: "refused", reason: `HTTP ${status}: why` });
  expect([left, requests]).toEqual([1, 1]);
});

test.each([
  [429, { "retry-after": "3" }, { status: "throttled", cause: "busy", retryAfterMs: 3_000 }],
  [429, {}, { status: "throttled", cause: "busy", retryAfterMs: 5_000 }],
  [503, { "retry-after": "7" }, { status: "retry", retryAfterMs: 7_000 }],
  [500, {}, { status: "retry", retryAfterMs: 5_000 }],
] as const)("what is answered with %i %j comes again when it may", async (status, headers, it) => {
  const { result } = await outcomeOf(answering(status, headers));
  expect(result).toEqual({ ...it, reason: `HTTP ${status}` });
});

describe("what may have been taken is in doubt", () => {
  test.each([408, 502, 504])("when something in between answers %i", async (status) => {
    expect((await outcomeOf(answering(status))).result).toMatchObject({ status: "unknown" });
  });

  test("when there is no answer in time", async () => {
    const { result, requests } = await outcomeOf(() => {}, 100);
    expect(result).toEqual({ status: "unknown", reason: "no answer within 100 ms" });
    expect(requests).toBe(1);
  });

  test("when the connection is reset", async () => {
    const { result } = await outcomeOf((response) => void response.socket?.resetAndDestroy());
    expect(result).toMatchObject({ status: "unknown" });
  });
});

test("what could not be sent was not even tried", async () => {
  const { provider, stores } = await startWebPush(created, { services: ["http://127.0.0.1:1"] });
  const keys = {
    p256dh:
      "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    auth: "BTBZMqHH6r4Tts7J_aSIgg",
  };
  const endpoint = "http://127.0.0.1:1/push/ann";
  await stores.subscriptions.subscribe({ member: "ann", endpoint, ...keys, at: 1 }, 10);
  const [result] = await provider.sendBatch([message("ann")], options());
  expect(result).toMatchObject({ status: "throttled", cause: "unreachable" });
});

test("when the store cannot be asked, nothing is sent and everybody waits", async () => {
  const { provider, stores, subscribe, service } = await startWebPush();
  await subscribe("ann");
  await stores.close();
  const [result] = await provider.sendBatch([message("ann")], options());
  expect(result).toMatchObject({ status: "throttled", cause: "busy", retryAfterMs: 1_000 });
  expect(service.delivered).toEqual([]);
});

describe("a member with several browsers", () => {
  const byName =
    (answers: Readonly<Record<string, number>>): Behavior =>
    (response, { endpoint }) =>
      void response.writeHead(answers[endpoint.split("/").at(-1)!]!).end();

  test.each([
    [{ a: 201, b: 410 }, "ok", 1],
    [{ a: 429, b: 201 }, "ok", 2],
    [{ a: 502, b: 429 }, "unknown", 2],
    [{ a: 429, b: 503 }, "retry", 2],
    [{ a: 403, b: 429 }, "throttled", 2],
    [{ a: 410, b: 413 }, "refused", 1],
    [{ a: 404, b: 410 }, "invalid", 0],
  ])("has the best of what became of them: %j", async (answers, status, left) => {
    const { provider, stores, subscribe } = await startWebPush(byName(answers));
    const endpoints = [await subscribe("ann", "b"), await subscribe("ann", "a")];
    const [result] = await provider.sendBatch([message("ann")], options());
    expect(result?.status).toBe(status);
    expect(await stores.subscriptions.ofMembers(["ann"])).toHaveLength(left);
    const named = [...(result?.addresses ?? [])].sort();
    expect(named).toEqual(status === "invalid" ? endpoints.sort() : []);
  });
});
