import assert from "node:assert/strict";
import { test } from "vitest";
import { accessDesk } from "../../../src/actors/access/behavior.ts";
import type { AccessMessage, Caller } from "../../../src/actors/access/messages.ts";
import { type AccessLimits, newAccessState } from "../../../src/actors/access/state.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import type { Result } from "../../../src/core/result.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

const HASH = "a".repeat(64);

interface DeskOptions {
  readonly limits?: Partial<AccessLimits>;
  readonly wrap?: (stores: Stores) => Stores;
}

function startDesk({ limits, wrap = (it) => it }: DeskOptions = {}) {
  const clock = new VirtualClock();
  const stores = wrap(memoryStores({ inboxPerUserMax: 10, clock }));
  const kit = testSystem({ clock });
  let ids = 0;
  const lost: unknown[] = [];
  const type = accessDesk({
    ...stores,
    newId: (prefix) => `${prefix}_${++ids}`,
    owner: "boot-1",
    logger: { ...silentLogger, error: (_, fields) => void lost.push(fields) },
    metrics: noMetrics,
    limits,
  });
  const desk: Ref<AccessMessage> = kit.system.spawn(type, { name: "desk", state: newAccessState });
  const ask = async <T>(request: (replyTo: Ref<Result<T>>) => AccessMessage): Promise<T> => {
    const answer = probe<Result<T>>();
    desk.send(request(answer));
    await kit.settle();
    const [result] = answer.received;
    assert.ok(result, "no answer");
    if (!result.ok) throw result.error;
    return result.value;
  };
  const authenticate = (hash = HASH) =>
    ask<Caller>((replyTo) => ({ type: "authenticate", hash, replyTo }));
  const create = (ttlMs = 0, hash = HASH) =>
    ask<{ id: string }>((replyTo) => ({
      type: "create-token",
      name: "n",
      role: "operator",
      hash,
      ttlMs,
      replyTo,
    }));
  const calls = (operation: string) => stores.operations()[operation] ?? 0;
  return { ...kit, desk, ask, authenticate, create, calls, stores, lost };
}

function code(expected: string) {
  return (error: unknown) => error instanceof RuntimeError && error.code === expected;
}

test("a token is looked up once and believed for a while", async () => {
  const { authenticate, create, calls, advance } = startDesk({ limits: { cacheMs: 1_000 } });
  await create();
  for (let n = 0; n < 5; n += 1) assert.equal((await authenticate()).role, "operator");
  assert.equal(calls("credentials.findToken"), 1);
  await advance(1_001);
  await authenticate();
  assert.equal(calls("credentials.findToken"), 2);
});

test("requests with the same token share one look-up", async () => {
  const { desk, create, calls, settle } = startDesk();
  await create();
  const callers = probe<Result<Caller>>();
  for (let n = 0; n < 10; n += 1) desk.send({ type: "authenticate", hash: HASH, replyTo: callers });
  await settle();
  assert.equal(callers.received.filter((it) => it.ok).length, 10);
  assert.equal(calls("credentials.findToken"), 1);
});

test("an unknown token is refused and takes no place in the memory", async () => {
  const { authenticate, create, calls } = startDesk({ limits: { cacheMax: 1 } });
  await create();
  await authenticate();
  await assert.rejects(authenticate("b".repeat(64)), code("auth.invalid"));
  await authenticate();
  assert.equal(calls("credentials.findToken"), 2);
});

test("over its limit the oldest token is forgotten and looked up again", async () => {
  const { authenticate, create, calls } = startDesk({ limits: { cacheMax: 1 } });
  const other = "b".repeat(64);
  await create();
  await create(0, other);
  await authenticate();
  await authenticate(other);
  await authenticate();
  assert.equal(calls("credentials.findToken"), 3);
});

test("a token expires at its moment, although it is in memory", async () => {
  const { authenticate, create, advance } = startDesk();
  await create(5_000);
  await authenticate();
  await advance(5_000);
  await assert.rejects(authenticate(), code("auth.expired"));
});

test("a revoked token is refused from the answer on", async () => {
  const { ask, authenticate, create } = startDesk();
  const { id } = await create();
  await authenticate();
  await ask((replyTo) => ({ type: "revoke-token", id, replyTo }));
  await assert.rejects(authenticate(), code("auth.invalid"));
});

test("a token that is revoked while it is looked up is refused", async () => {
  let release = (): void => {};
  const hold = (stores: Stores): Stores => ({
    ...stores,
    credentials: {
      ...stores.credentials,
      async findToken(hash) {
        const found = await stores.credentials.findToken(hash);
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return found;
      },
    },
  });
  const { desk, ask, create, settle } = startDesk({ wrap: hold });
  const { id } = await create();
  const answer = probe<Result<Caller>>();
  desk.send({ type: "authenticate", hash: HASH, replyTo: answer });
  await settle();
  await ask((replyTo) => ({ type: "revoke-token", id, replyTo }));
  release();
  await settle();
  assert.equal(answer.received.length, 0);
  release();
  await settle();
  assert.ok(answer.received.every(({ ok }) => !ok));
  assert.equal(answer.received.length, 1);
});

test("revoking what is not there is answered token.unknown", async () => {
  const { ask } = startDesk();
  const revoke = ask((replyTo) => ({ type: "revoke-token", id: "tok_9", replyTo }));
  await assert.rejects(revoke, code("token.unknown"));
});

test("an admin's token is made at the first start only", async () => {
  const { ask, authenticate } = startDesk();
  const ensure = (hash: string) =>
    ask<boolean>((replyTo) => ({ type: "ensure-admin", hash, replyTo }));
  assert.equal(await ensure(HASH), true);
  assert.equal(await ensure("b".repeat(64)), false);
  assert.equal((await authenticate()).role, "admin");
});

test("tokens are listed page by page, oldest first, without their hashes", async () => {
  const { ask, create } = startDesk();
  for (const digit of ["1", "2", "3"]) await create(0, digit.repeat(64));
  const list = (request: { limit: number; after?: string }) =>
    ask<{ items: { id: string }[]; next: string | undefined }>(
      (replyTo) => ({ type: "list-tokens", request, replyTo }) as AccessMessage,
    );
  const first = await list({ limit: 2 });
  const second = await list({ limit: 2, after: first.next! });
  assert.deepEqual([first.items.length, second.items.length, second.next], [2, 1, undefined]);
  assert.ok(!JSON.stringify([first, second]).includes("hash"));
  await assert.rejects(list({ limit: 2, after: "tok_0" }), code("store.cursor"));
});

test("an audit line that the store refuses is written later, with its own time", async () => {
  let isBroken = true;
  const breaking = (stores: Stores): Stores => ({
    ...stores,
    audit: {
      ...stores.audit,
      async append(entry) {
        if (isBroken) throw new RuntimeError("store.unavailable", "the disk is full");
        await stores.audit.append(entry);
      },
    },
  });
  const { ask, advance, stores, clock } = startDesk({ wrap: breaking });
  const at = clock.now();
  const entry = { by: "tok_1", action: "a.b", target: "t", outcome: "ok", requestId: "r" };
  const append = ask((replyTo) => ({ type: "append-audit", entry, replyTo }));
  await assert.rejects(append, code("store.unavailable"));
  await advance(2_000);
  isBroken = false;
  await advance(60_000);
  const { items } = await stores.audit.list({ limit: 10 });
  assert.deepEqual(items, [{ ...entry, at, seq: 1 }]);
});

test("a record that can never be written is given up and said in the log", async () => {
  const broken = (stores: Stores): Stores => ({
    ...stores,
    audit: {
      ...stores.audit,
      async append() {
        throw new RuntimeError("store.unavailable", "the disk is full");
      },
    },
  });
  const { desk, advance, lost, clock } = startDesk({ wrap: broken });
  const entry = { by: "tok_1", action: "a.b", target: "t", outcome: "ok", requestId: "r" };
  desk.send({ type: "append-audit", entry });
  await advance(600_000);
  assert.equal(lost.length, 1);
  assert.equal(clock.timers, 1, "only the purge of the desk is left");
});

test("however often somebody asks, a store is written every 2 s to see if it works", async () => {
  let isFull = false;
  const filling = (stores: Stores): Stores => ({
    ...stores,
    requests: {
      ...stores.requests,
      async begin(claim) {
        if (isFull) throw new RuntimeError("store.unavailable", "the disk is full");
        return stores.requests.begin(claim);
      },
    },
  });
  const { ask, advance, calls } = startDesk({ wrap: filling });
  const check = () => ask((replyTo) => ({ type: "check-store", replyTo }));
  for (let n = 0; n < 10; n++) assert.equal(await check(), true);
  assert.deepEqual([calls("requests.begin"), calls("requests.abandon")], [1, 1]);
  isFull = true;
  await advance(2_000);
  for (let n = 0; n < 3; n++) await assert.rejects(check(), code("store.unavailable"));
  isFull = false;
  await advance(2_000);
  assert.equal(await check(), true);
});

test("a key is fresh once, then running, then done with its answer", async () => {
  const { ask, desk, settle } = startDesk();
  const begin = (fingerprint: string) =>
    ask<{ type: string }>((replyTo) => ({ type: "begin-request", key: "k", fingerprint, replyTo }));
  assert.deepEqual(await begin("f"), { type: "fresh" });
  assert.deepEqual(await begin("f"), { type: "running" });
  desk.send({ type: "finish-request", key: "k", response: { status: 201, body: "{}" } });
  await settle();
  assert.deepEqual(await begin("f"), { type: "done", response: { status: 201, body: "{}" } });
  assert.deepEqual(await begin("other"), { type: "mismatch" });
});

test("an abandoned key is fresh again", async () => {
  const { ask } = startDesk();
  const begin = () =>
    ask((replyTo) => ({ type: "begin-request", key: "k", fingerprint: "f", replyTo }));
  await begin();
  await ask((replyTo) => ({ type: "abandon-request", key: "k", replyTo }));
  assert.deepEqual(await begin(), { type: "fresh" });
});

test("a key is forgotten after its time", async () => {
  const { ask, desk, advance } = startDesk();
  const begin = () =>
    ask((replyTo) => ({ type: "begin-request", key: "k", fingerprint: "f", replyTo }));
  await begin();
  desk.send({ type: "finish-request", key: "k", response: { status: 200, body: "{}" } });
  await advance(26 * 3_600_000);
  assert.deepEqual(await begin(), { type: "fresh" });
});
