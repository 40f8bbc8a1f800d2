import { expect, test } from "vitest";
import { audienceDesk, newAudienceDesk } from "../../../src/actors/collect/desk.ts";
import type {
  Audience,
  AudienceMessage,
  ImportHandle,
  ImportMessage,
  ImportProgress,
  LineError,
  PageOf,
} from "../../../src/actors/collect/messages.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { seededRandom } from "../../../src/core/random.ts";
import type { Result } from "../../../src/core/result.ts";
import { CsvDecoder } from "../../../src/gateways/csv/decoder.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Page } from "../../../src/persistence/ports/audience.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { probe, testSystem } from "../../testkit/kit.ts";

function startDesk(stores: Stores = memoryStores({ inboxPerUserMax: 1 })) {
  const kit = testSystem();
  const { audiences } = stores;
  let ids = 0;
  const type = audienceDesk({
    audiences,
    newId: (prefix) => {
      ids += 1;
      return `${prefix}_${ids}`;
    },
    newDecoder: () => new CsvDecoder(),
  });
  const desk = kit.system.spawn(type, { name: "desk", state: newAudienceDesk });

  const ask = async <Answer>(request: (replyTo: Ref<Answer>) => AudienceMessage) => {
    const asker = probe<Answer>();
    desk.send(request(asker));
    await kit.settle();
    return asker.last;
  };
  const begin = async (bytes = 0): Promise<ImportHandle> =>
    must(
      await ask<Result<ImportHandle>>((replyTo) => ({
        type: "begin-import",
        by: "test",
        name: "all",
        bytes,
        replyTo,
      })),
    );
  const feed = async (
    to: Ref<ImportMessage>,
    bytes: Uint8Array,
  ): Promise<Result<ImportProgress>> => {
    const replyTo = probe<Result<ImportProgress>>();
    to.send({ type: "chunk", bytes, replyTo });
    await kit.settle({ effects: "all" });
    return replyTo.last;
  };
  const end = async (to: Ref<ImportMessage>): Promise<Result<Audience>> => {
    const replyTo = probe<Result<Audience>>();
    to.send({ type: "end", replyTo });
    await kit.settle({ effects: "all" });
    return replyTo.last;
  };
  /** Imports a whole file, in chunks of the sizes that `size` gives. */
  const load = async (text: string, size = () => 65_536): Promise<Audience> => {
    const bytes = Buffer.from(text);
    const { import: importing } = await begin(bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const next = at + size();
      must(await feed(importing, bytes.subarray(at, next)));
      at = next;
    }
    return must(await end(importing));
  };
  const read = (id: string) =>
    ask<Result<Audience>>((replyTo) => ({ type: "read-audience", id, replyTo }));
  const errors = async (id: string) => {
    const request = { limit: 1_000 };
    const page = await ask<Result<PageOf<LineError>>>((replyTo) => ({
      type: "list-errors",
      id,
      request,
      replyTo,
    }));
    return must(page).items;
  };
  return { ...kit, stores, ask, begin, feed, end, load, read, errors };
}

function must<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw result.error;
}

async function allPages(stores: Stores, { id, partitions }: Audience): Promise<Page[]> {
  const pages: Page[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    for (let k = 0; ; k += 1) {
      const page = await stores.audiences.page(id, { partition, k });
      if (page === undefined) break;
      pages.push(page);
    }
  }
  return pages;
}

function file(lines: number, line = (n: number) => `user-${n},Name ${n}`): string {
  return `member,name\n${Array.from({ length: lines }, (_, n) => line(n)).join("\n")}\n`;
}

test("a file becomes an audience with its counts, pages and hash", async () => {
  const desk = startDesk();
  const audience = await desk.load(file(2_500, (n) => `user-${n % 2_400},N`));
  expect(audience).toMatchObject({
    state: "finished",
    size: 2_400,
    pages: 3,
    partitions: 1,
    lines: 2_500,
    duplicates: 100,
    invalid: 0,
  });
  expect(audience.hash).toMatch(/^[0-9a-f]{64}$/);
  const pages = await allPages(desk.stores, audience);
  expect(pages.map(({ recipients }) => recipients.length)).toEqual([1_000, 1_000, 400]);
  expect(must(await desk.read(audience.id))).toEqual(audience);
});

test("the same file gives the same pages and hash, whatever the chunks", async () => {
  const random = seededRandom(7);
  const text = file(700, (n) => (n % 50 === 0 ? `"broken,${n}` : `üser-${n},"Na""me, ${n}"`));
  const one = startDesk();
  const whole = await one.load(text);
  const other = startDesk();
  const cut = await other.load(text, () => 1 + Math.floor(random() * 900));
  expect(cut).toEqual({ ...whole, createdAt: cut.createdAt });
  expect(whole).toMatchObject({ lines: 700, invalid: 14, size: 686 });
  expect(await allPages(other.stores, cut)).toEqual(await allPages(one.stores, whole));
});

test("a member that is in the file many times is in one page once", async () => {
  const desk = startDesk();
  const audience = await desk.load(file(5_000, (n) => `user-${n % 7},N${n}`));
  const [page] = await allPages(desk.stores, audience);
  expect(page!.recipients.map(({ member, vars }) => [member, vars?.["name"]])).toEqual(
    [0, 1, 2, 3, 4, 5, 6].map((n) => [`user-${n}`, `N${n}`]),
  );
});

test("a large file is spilled by parts and lands in several partitions", async () => {
  const desk = startDesk();
  const audience = await desk.load(file(80_000, (n) => `user-${n},${"x".repeat(20)}`));
  expect(audience).toMatchObject({ size: 80_000, partitions: 4 });
  expect(desk.stores.operations()["audiences.spill"]).toBeGreaterThan(2);
  const pages = await allPages(desk.stores, audience);
  const members = pages.flatMap(({ recipients }) => recipients.map(({ member }) => member));
  expect(new Set(members).size).toBe(80_000);
  expect(await desk.stores.audiences.readSpill(audience.id, 0)).toEqual([]);
});

test("a line with an error is reported with its number, and the rest goes on", async () => {
  const desk = startDesk();
  const audience = await desk.load('member,name\na,1\n,2\nb\n"c,4\nd,5\n');
  expect(audience).toMatchObject({ size: 2, lines: 5, invalid: 3 });
  expect(await desk.errors(audience.id)).toEqual([
    { line: 3, field: "member", expected: "a member id", got: "" },
    { line: 4, field: "", expected: "2 fields", got: "1 fields" },
    { line: 5, field: "", expected: "a closing quote", got: '"c,4' },
  ]);
});

test("the first thousand errors are kept, and all of them are counted", async () => {
  const desk = startDesk();
  const audience = await desk.load(file(3_000, () => ","));
  expect(audience).toMatchObject({ size: 0, invalid: 3_000, lines: 3_000, state: "finished" });
  expect((await desk.errors(audience.id)).length).toBe(1_000);
});

test("a bad header fails the import at once, naming the columns", async () => {
  const desk = startDesk();
  const { audience, import: importing } = await desk.begin();
  const answer = await desk.feed(importing, Buffer.from("name,city\nx,y\n"));
  expect(answer).toMatchObject({ ok: false, error: { code: "audience.invalid" } });
  expect(!answer.ok && answer.error.message).toContain("name, city");
  expect(must(await desk.read(audience))).toMatchObject({ state: "failed" });
});

test("an empty file is no audience", async () => {
  const desk = startDesk();
  const { audience, import: importing } = await desk.begin();
  expect(await desk.end(importing)).toMatchObject({ error: { code: "audience.invalid" } });
  expect(must(await desk.read(audience)).why).toContain("expected a header");
});

test("an aborted import is a failed audience without a heap", async () => {
  const desk = startDesk();
  const { audience, import: importing } = await desk.begin(1_000_000);
  await desk.feed(importing, Buffer.from(file(60_000)));
  importing.send({ type: "abort", why: "the client went away" });
  await desk.settle({ effects: "all" });
  const failed = must(await desk.read(audience));
  expect(failed).toMatchObject({ state: "failed", why: "aborted: the client went away" });
  expect(failed.partitions).toBeGreaterThan(0);
  for (let partition = 0; partition < failed.partitions; partition += 1) {
    expect(await desk.stores.audiences.readSpill(audience, partition)).toEqual([]);
  }
});

test("an import that hears nothing for a minute fails itself", async () => {
  const desk = startDesk();
  const { audience, import: importing } = await desk.begin();
  await desk.feed(importing, Buffer.from("member\n"));
  await desk.advance(59_000);
  expect(must(await desk.read(audience)).state).toBe("started");
  await desk.advance(2_000);
  expect(must(await desk.read(audience))).toMatchObject({
    state: "failed",
    why: "nothing was heard for 60 s",
  });
});

test("a store that fails fails the import, and whoever waits is told", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const audiences = {
    ...stores.audiences,
    spill: () => Promise.reject(new RuntimeError("store.unavailable", "the disk is full")),
  };
  const desk = startDesk({ ...stores, audiences });
  const { audience, import: importing } = await desk.begin();
  must(await desk.feed(importing, Buffer.from("member\na\n")));
  expect(await desk.end(importing)).toMatchObject({ error: { code: "store.unavailable" } });
  expect(must(await desk.read(audience)).why).toBe("the disk is full");
});

test("a chunk is answered only when the store keeps up", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const spill: typeof stores.audiences.spill = async (...args) => {
    await held;
    return stores.audiences.spill(...args);
  };
  const desk = startDesk({ ...stores, audiences: { ...stores.audiences, spill } });
  const { import: importing } = await desk.begin();
  const bytes = Buffer.from(file(60_000));
  const replyTo = probe<Result<ImportProgress>>();
  importing.send({ type: "chunk", bytes, replyTo });
  await desk.settle();
  expect(replyTo.received).toEqual([]);
  release();
  await desk.settle({ effects: "all" });
  expect(replyTo.received).toEqual([{ ok: true, value: { lines: 60_000, invalid: 0 } }]);
});

test("what was importing when the node stopped is failed by the next start", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const first = startDesk(stores);
  const { audience } = await first.begin();
  const second = startDesk(stores);
  await second.settle();
  expect(must(await second.read(audience))).toMatchObject({ state: "failed" });
});

test("a list becomes an audience by the same rules", async () => {
  const desk = startDesk();
  const recipients = [{ member: "b" }, { member: "" }, { member: "a", vars: { x: "1" } }];
  const audience = must(
    await desk.ask<Result<Audience>>((replyTo) => ({
      type: "import-list",
      by: "test",
      name: "few",
      recipients: [...recipients, { member: "b" }],
      replyTo,
    })),
  );
  expect(audience).toMatchObject({
    state: "finished",
    size: 2,
    lines: 4,
    invalid: 1,
    duplicates: 1,
  });
  expect(await desk.errors(audience.id)).toMatchObject([{ line: 2, field: "member" }]);
});

test("imports are bounded in number, and a name must be one", async () => {
  const desk = startDesk();
  const begin = (name: string) =>
    desk.ask<Result<ImportHandle>>((replyTo) => ({
      type: "begin-import",
      by: "test",
      name,
      bytes: 0,
      replyTo,
    }));
  expect(await begin("")).toMatchObject({ error: { code: "audience.invalid" } });
  for (let count = 0; count < 16; count += 1) expect((await begin("x")).ok).toBe(true);
  expect(await begin("x")).toMatchObject({ error: { code: "gateway.busy", retryAfterMs: 5_000 } });
  await desk.advance(61_000);
  expect((await begin("x")).ok).toBe(true);
});
