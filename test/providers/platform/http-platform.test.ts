import { expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../../src/core/clock.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { seededRandom, systemNewId } from "../../../src/core/random.ts";
import { secretKey, verifyRequest } from "../../../src/core/signature.ts";
import { CircuitBreaker } from "../../../src/providers/limits/circuit-breaker.ts";
import {
  httpPlatform,
  type PlatformSettings,
} from "../../../src/providers/platform/http-platform.ts";
import { type Behavior, SECRET, startSink } from "../webhook/sink.ts";

const ANN = { principal: "ann", device: "phone" };
const allow: Behavior = (_, answer) => answer.json(200, { allow: true });
const silence: Behavior = () => {};

/** A service of a user's own, and what asks it. */
async function start(
  behavior: Behavior = allow,
  changes: Partial<PlatformSettings> = {},
  after: Clock["after"] = (delayMs, call) => systemClock.after(delayMs, call),
) {
  const service = await startSink(behavior);
  let ahead = 0;
  const platform = httpPlatform({
    settings: {
      ...{ url: `http://127.0.0.1:${service.port}/herald/`, secrets: [SECRET] },
      ...{ timeoutMs: 5_000, attemptsMax: 3, maxInFlight: 4 },
      ...changes,
    },
    breaker: new CircuitBreaker({ closeAfter: 1 }),
    clock: { ...systemClock, after, monotonic: () => systemClock.monotonic() + ahead },
    random: seededRandom(1),
    newId: systemNewId,
    logger: silentLogger,
    metrics: noMetrics,
  });
  onTestFinished(() => platform.close());
  const advance = (ms: number): void => {
    ahead += ms;
  };
  return { service, platform, advance };
}

test("each question is one signed request: what is asked, of whom, and its id", async () => {
  const { service, platform } = await start();
  await platform.login(ANN);
  await platform.register({ mac: "m", serial: "s", model: "lamp", name: "" });
  await platform.change("b1", { do: "rename", name: "Lamp" });
  await platform.change("b1", { do: "bind", user: "ann" });
  await platform.change("b1", { do: "unbind" });
  const asked = service.requests.map(({ path, text }) => [path, JSON.parse(text)]);
  const id = expect.stringMatching(/^ask_/);
  expect(asked).toEqual([
    ["/herald/login", { id, ask: "login", ...ANN }],
    ["/herald/register", { id, ask: "register", mac: "m", serial: "s", model: "lamp", name: "" }],
    ["/herald/rename", { id, ask: "rename", board: "b1", name: "Lamp" }],
    ["/herald/bind", { id, ask: "bind", board: "b1", user: "ann" }],
    ["/herald/unbind", { id, ask: "unbind", board: "b1" }],
  ]);
  for (const { headers, text } of service.requests) {
    const request = { headers, body: Buffer.from(text) };
    verifyRequest(request, [secretKey(SECRET)], systemClock.now());
    expect(headers.get("idempotency-key")).toBe((JSON.parse(text) as { id: string }).id);
  }
});

test("what the service allows is passed on: grants, and a board's id", async () => {
  const grants = { subscribe: ["news.*"], publish: [] };
  const { platform } = await start((_, answer) =>
    answer.json(200, { allow: true, grants, board: "b-7" }),
  );
  expect(await platform.login(ANN)).toEqual({ ok: true, value: { grants } });
  const claim = { mac: "m", serial: "s", model: "lamp", name: "" };
  expect(await platform.register(claim)).toEqual({ ok: true, value: { board: "b-7" } });
});

test.each([
  ["by its answer", 200, { allow: false, reason: "not paid\u0000\n" }, "not paid  "],
  ["by status 403", 403, { allow: false, reason: "not paid" }, "not paid"],
  ["without a reason", 403, {}, "the service gave no reason"],
  [
    "in too many words",
    200,
    { allow: false, reason: "no ".repeat(100) },
    "no ".repeat(86).slice(0, 256),
  ],
  ["with more than is known", 200, { allow: false, admin: true }, "the service gave no reason"],
])("a service may refuse %s, and its words are told", async (_, status, body, words) => {
  const { service, platform } = await start((__, answer) => answer.json(status, body));
  expect(await platform.login(ANN)).toMatchObject({
    error: { code: "platform.refused", message: words },
  });
  expect(service.requests).toHaveLength(1);
});

test.each([
  ["no JSON", 200, "yes"],
  ["nothing", 200, ""],
  ["something else", 200, '{"allow":"yes"}'],
  ["more than is known", 200, '{"allow":true,"admin":true}'],
  ["grants that are none", 200, '{"allow":true,"grants":{"subscribe":"*","publish":[]}}'],
  ["a board's id that is none", 200, '{"allow":true,"board":"a\\u0000"}'],
  ["a board's address", 200, '{"allow":true,"board":"board:b1"}'],
  ["a redirect", 302, ""],
  ["not found", 404, '{"allow":true}'],
])("an answer that is %s lets nobody in, and is not asked for again", async (_, status, text) => {
  const { service, platform } = await start((__, answer) =>
    answer.text(status, text, status === 302 ? { location: "/elsewhere" } : {}),
  );
  expect(await platform.login(ANN)).toMatchObject({
    error: { code: "platform.failed", retryAfterMs: 1_000 },
  });
  expect(service.requests).toHaveLength(1);
});

test("of an answer that is wrong the fields are named", async () => {
  const { platform } = await start((_, answer) => answer.json(200, { allow: "yes", admin: 1 }));
  const answer = await platform.login(ANN);
  expect(!answer.ok && answer.error.message).toBe(
    "the service at platform.url cannot be asked: its answer is wrong: " +
      'allow: expected a boolean, got "yes"; admin: expected no such field, got 1',
  );
});

test("a service that has trouble is asked again, with the same id, and then believed", async () => {
  const { service, platform } = await start((_, answer) => {
    if (service.requests.length === 1) answer.json(503, {});
    else if (service.requests.length === 2) answer.reset();
    else answer.json(200, { allow: true });
  });
  expect(await platform.login(ANN)).toMatchObject({ ok: true });
  expect(service.requests).toHaveLength(3);
  expect(new Set(service.requests.map(({ text }) => text)).size).toBe(1);
});

test("an answer that is no JSON is called so, and a byte order mark is left out", async () => {
  const texts = ["yes", '\uFEFF{"allow":true}'];
  const { platform } = await start((_, answer) => answer.text(200, texts.shift()!));
  expect(await platform.login(ANN)).toMatchObject({
    error: { message: "the service at platform.url cannot be asked: its answer is no JSON" },
  });
  expect(await platform.login(ANN)).toEqual({ ok: true, value: {} });
});

test("one that never recovers is asked only so often", async () => {
  const { service, platform } = await start((_, answer) => answer.json(500, {}));
  expect(await platform.login(ANN)).toMatchObject({ error: { code: "platform.failed" } });
  expect(service.requests).toHaveLength(3);
});

test("pauses between tries double, and up to a half of each is left out by chance", async () => {
  const pauses: number[] = [];
  const after: Clock["after"] = (delayMs, call) => {
    if (delayMs >= 5_000) return systemClock.after(delayMs, call);
    pauses.push(delayMs);
    return systemClock.after(0, call);
  };
  const { platform } = await start((_, answer) => answer.json(500, {}), { attemptsMax: 4 }, after);
  await platform.login(ANN);
  const shares = pauses.map((pause, n) => pause / (100 * 2 ** n));
  expect(shares).toHaveLength(3);
  expect(new Set(shares).size).toBe(3);
  for (const share of shares) expect(share >= 0.5 && share < 1).toBe(true);
});

test("one that lags fails in time, and its late answer is nobody's", async () => {
  const { service, platform } = await start(silence, { timeoutMs: 50, attemptsMax: 1 });
  expect(await platform.login(ANN)).toMatchObject({
    error: { code: "platform.failed", message: expect.stringContaining("within 50 ms") },
  });
  expect(service.requests).toHaveLength(1);
});

test("one that is dead is left alone, and asked again when it is back", async () => {
  const { service, platform, advance } = await start(
    (_, answer) => answer.json(200, { allow: false, reason: "first life" }),
    { attemptsMax: 1 },
  );
  expect(await platform.login(ANN)).toMatchObject({ error: { code: "platform.refused" } });
  service.behavior = (_, answer) => answer.reset();
  for (let n = 0; n < 5; n += 1) await platform.login(ANN);
  const asked = service.requests.length;
  // The breaker is open from now on: it is not asked at all.
  const left = await platform.login(ANN);
  expect(left).toMatchObject({ error: { code: "platform.failed" } });
  expect(service.requests).toHaveLength(asked);
  service.behavior = allow;
  advance(60_000);
  expect(await platform.login(ANN)).toMatchObject({ ok: true });
});

test("only so many questions are with the service at once, and the rest follow", async () => {
  let inside = 0;
  let most = 0;
  const { platform } = await start((_, answer) => {
    inside += 1;
    most = Math.max(most, inside);
    setImmediate(() => {
      inside -= 1;
      answer.json(200, { allow: true });
    });
  });
  const answers = await Promise.all(Array.from({ length: 40 }, () => platform.login(ANN)));
  expect(answers.every(({ ok }) => ok)).toBe(true);
  expect(most).toBeLessThanOrEqual(4);
});

test("closing it ends what is under way", async () => {
  const { service, platform } = await start(silence);
  const asked = platform.login(ANN);
  await service.arrived(1);
  platform.close();
  expect(await asked).toMatchObject({ error: { code: "platform.failed" } });
  expect(service.requests).toHaveLength(1);
});
