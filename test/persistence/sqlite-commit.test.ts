import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import type { RuntimeError } from "../../src/core/errors.ts";
import type { NewInboxItem } from "../../src/persistence/ports/inbox.ts";
import type { Stores } from "../../src/persistence/ports/stores.ts";
import { openSqliteStores, type SqliteOptions } from "../../src/persistence/sqlite/open-stores.ts";
import { audience, campaign, clockAt, expectError } from "../conformance/open-stores.ts";
import { dataFile } from "./data-folder.ts";

async function open(options: Partial<SqliteOptions> = {}): Promise<Stores> {
  const base = { synchronous: "normal", inboxPerUserMax: 10, clock: clockAt(0) } as const;
  const stores = await openSqliteStores({ file: dataFile(), ...base, ...options });
  onTestFinished(() => stores.close());
  return stores;
}

const item = (id: string, overrides: Partial<NewInboxItem> = {}): NewInboxItem => {
  const base = { user: "u1", id, ledger: "push", topic: "t", payload: "1", ack: true };
  return { ...base, expiresAt: 1_000, ...overrides };
};

/** SQLite refuses to keep it in a column of integers. */
const spoilt = (id: string) => item(id, { expiresAt: 1.5 });

test("a call that fails half-way leaves no trace and does not hurt its neighbours", async () => {
  const { inbox, audit } = await open();
  const entry = { by: "x", action: "y", target: "z", outcome: "ok", requestId: "r", at: 1 };
  const results = await Promise.allSettled([
    inbox.append([item("m1")]),
    audit.append(entry),
    inbox.append([item("m2"), item("m3"), spoilt("m4")]),
    inbox.append([item("m3"), item("m5")]),
    inbox.settle([{ user: "u1", offset: 1, outcome: "acked" }], 1),
    inbox.append([spoilt("m6")]),
  ]);
  expect(results.map(({ status }) => status)).toEqual([
    ...["fulfilled", "fulfilled", "rejected", "fulfilled", "fulfilled", "rejected"],
  ]);
  const [read] = await inbox.read(["u1"], 0);
  expect(read).toMatchObject({ head: 3, items: [{ id: "m3" }, { id: "m5" }] });
  expect(await inbox.ledger("push")).toMatchObject({ accepted: 3, acked: 1, pending: 2 });
  expect((await audit.list({ limit: 9 })).items).toHaveLength(1);
});

test("thousands of calls in one turn are answered each with its own result", async () => {
  const { inbox, requests } = await open();
  const calls = Array.from({ length: 10_000 }, (_, n) =>
    n % 2 === 0
      ? inbox.append([item(`m${n}`, { user: `u${n}` })])
      : requests.begin({ key: `k${n - (n % 4)}`, fingerprint: "f", owner: "o", at: n }),
  );
  const results = await Promise.all(calls);
  const fresh = { offset: 1, fresh: true };
  for (const [n, result] of results.entries()) {
    if (n % 2 === 0) expect(result).toEqual([fresh]);
    else expect(result).toEqual({ type: n % 4 === 1 ? "fresh" : "running" });
  }
});

test("what cannot be stored at all is refused, alone", async () => {
  const { audiences, campaigns } = await open();
  const results = await Promise.allSettled([
    audiences.create(audience("a1")),
    campaigns.create(campaign("c1", { payload: () => "a function" }), "cli"),
    audiences.create(audience("a1")),
    audiences.read("a1"),
  ]);
  const ends = results.map((result) =>
    result.status === "fulfilled" ? "ok" : (result.reason as RuntimeError).code,
  );
  expect(ends).toEqual(["ok", "internal", "store.conflict", "ok"]);
});

test("a full file refuses writes, answers reads, and takes writes when there is room", async () => {
  const { requests, audiences } = await open({ filePagesMax: 120 });
  await audiences.create(audience("a1"));
  const body = "x".repeat(10_000);
  const write = async (n: number) => {
    const key = `k${n}`;
    await requests.begin({ key, fingerprint: "f", owner: "o", at: n });
    await requests.finish(key, { status: 200, body });
  };
  let written = 0;
  const fill = async () => {
    for (; written < 1_000; written += 1) await write(written);
  };
  await expectError(fill(), "store.unavailable");
  expect(written).toBeGreaterThan(5);
  await expectError(write(written), "store.unavailable");
  expect(await audiences.read("a1")).toEqual(audience("a1"));
  const done = { type: "done", response: { status: 200, body } };
  const repeated = { key: "k0", fingerprint: "f", owner: "o", at: 0 };
  expect(await requests.begin(repeated)).toEqual(done);
  await requests.purge(5);
  await write(2_000);
});

test("when the storage thread dies, all calls are refused and the owner is told once", async () => {
  const threads: Worker[] = [];
  const keep = (thread: Worker) => void threads.push(thread);
  process.on("worker", keep);
  onTestFinished(() => void process.off("worker", keep));
  const failures: RuntimeError[] = [];
  const stores = await open({ onFailure: (error) => void failures.push(error) });
  const underWay = stores.audiences.read("a1");
  const [thread] = threads;
  const ended = once(thread!, "exit");
  await Promise.all([thread!.terminate(), expectError(underWay, "store.unavailable")]);
  await ended;
  await expectError(stores.audiences.read("a1"), "store.unavailable");
  expect(failures.map(({ code }) => code)).toEqual(["store.unavailable"]);
  await stores.close();
});

test("closing is not a failure", async () => {
  const failures: RuntimeError[] = [];
  const stores = await open({ onFailure: (error) => void failures.push(error) });
  await stores.close();
  expect(failures).toEqual([]);
});

test("calls beyond the limit are refused, and those that wait are answered", async () => {
  const { requests } = await open();
  const calls = Array.from({ length: 100_001 }, () => requests.abandon("k"));
  await expectError(calls.pop()!, "store.unavailable");
  await Promise.all(calls);
  await requests.abandon("k");
});
