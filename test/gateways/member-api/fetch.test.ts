import { expect, test } from "vitest";
import type { PullSource } from "../../../src/actors/collect/messages.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { fetchMemberApi } from "../../../src/gateways/member-api/fetch.ts";
import { retryAfterMs } from "../../../src/gateways/member-api/retry-after.ts";
import {
  type Answer,
  json,
  type MemberServer,
  memberServer,
  status,
} from "../../fixtures/member-server.ts";

const { signal } = new AbortController();

function sourceOf(server: MemberServer, over: Partial<PullSource> = {}): PullSource {
  return {
    ...{ type: "pull", url: `${server.origin}/members?status=a%20b`, headers: {}, pageSize: 0 },
    ...{ sizeParam: "limit", items: "items", member: "member", timeoutMs: 10_000 },
    paging: { type: "cursor", param: "cursor", next: "next" },
    ...over,
  };
}

function apiOf(server: MemberServer, pageBytesMax = 1_000_000) {
  return fetchMemberApi({ origins: [server.origin], clock: systemClock, pageBytesMax });
}

/** The code and message that a page fails with. */
async function failure(server: MemberServer, over: Partial<PullSource> = {}, bytesMax?: number) {
  const asked = apiOf(server, bytesMax).page(sourceOf(server, over), "", signal);
  const error = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RuntimeError)) throw new Error(`no such error: ${String(error)}`);
  return error;
}

/** Takes pages until there are no more. */
async function takeAll(server: MemberServer, over: Partial<PullSource>): Promise<unknown[]> {
  const all: unknown[] = [];
  let cursor: string | undefined = "";
  while (cursor !== undefined) {
    const page: { items: readonly unknown[]; next: string | undefined } = await apiOf(server).page(
      sourceOf(server, over),
      cursor,
      signal,
    );
    all.push(...page.items);
    cursor = page.next;
  }
  return all;
}

const ALL = ["a", "b", "c", "d", "e"];

test("a cursor may lie deep in the answer, and be a number", async () => {
  const server = await memberServer((url) => {
    const from = Number(url.searchParams.get("after") ?? 0);
    const next = from + 2 < ALL.length ? from + 2 : null;
    return json({ data: { list: ALL.slice(from, from + 2) }, meta: { next } });
  });
  const paging = { type: "cursor", param: "after", next: "meta.next" } as const;
  expect(await takeAll(server, { paging, items: "data.list" })).toEqual(ALL);
  const first = "/members?status=a+b";
  expect(server.asked).toEqual([`/members?status=a%20b`, `${first}&after=2`, `${first}&after=4`]);
});

test("an offset counts members, and ends where there are none", async () => {
  const server = await memberServer((url) => {
    const from = Number(url.searchParams.get("offset"));
    return json(ALL.slice(from, from + Number(url.searchParams.get("size"))));
  });
  const paging = { type: "offset", param: "offset" } as const;
  const over = { paging, items: "", pageSize: 3, sizeParam: "size" };
  expect(await takeAll(server, over)).toEqual(ALL);
  expect(server.asked).toHaveLength(3);
});

test("pages are counted from where they begin", async () => {
  const server = await memberServer((url) => {
    const from = 2 * Number(url.searchParams.get("p"));
    return json({ items: ALL.slice(from, from + 2) });
  });
  const paging = { type: "page", param: "p", first: 0 } as const;
  expect(await takeAll(server, { paging })).toEqual(ALL);
});

test("a link leads on within its origin, and nowhere else", async () => {
  const server = await memberServer((url) => {
    const from = Number(url.searchParams.get("at") ?? 0);
    const link = `</first>; rel="first", </members?at=${from + 2}>; rel="last next"`;
    const headers: Record<string, string> = from + 2 < ALL.length ? { link } : {};
    return json({ items: ALL.slice(from, from + 2) }, headers);
  });
  const paging = { type: "link" } as const;
  expect(await takeAll(server, { paging })).toEqual(ALL);
  server.faults.push(json({ items: [] }, { link: '<http://127.0.0.1:1/x>; rel="next"' }));
  const error = await failure(server, { paging });
  expect([error.code, error.message]).toEqual([
    "pull.refused",
    "its header Link leads to another origin",
  ]);
});

test("the headers that are asked for are sent", async () => {
  const server = await memberServer(() => json({ items: [] }));
  await takeAll(server, { headers: { authorization: "Bearer abc" } });
  expect(server.headers).toMatchObject({
    ...{ authorization: "Bearer abc", accept: "application/json" },
  });
});

test("only origins of the configuration are called, and no redirect is followed", async () => {
  const server = await memberServer(() => json({ items: [] }));
  const api = fetchMemberApi({ origins: ["http://elsewhere.example.com"], clock: systemClock });
  const source = sourceOf(server);
  expect(() => api.check(source)).toThrow(`${server.origin} is not in the setting pull.origins`);
  await expect(api.page(source, "", signal)).rejects.toMatchObject({ code: "pull.refused" });
  const named = sourceOf(server, { url: server.origin.replace("//", "//me:secret@") });
  expect(() => apiOf(server).check(named)).toThrow("credentials belong into a header");
  expect(server.asked).toEqual([]);
  server.faults.push(status(302, { location: `${server.origin}/other` }));
  expect(await failure(server)).toMatchObject({
    ...{ code: "pull.refused", message: "it answers 302, and redirects are not followed" },
  });
  expect(server.asked).toHaveLength(1);
});

const cut: Answer = (response) => {
  response.writeHead(200, { "content-length": "1000" });
  response.write('{"items":["a"');
  setImmediate(() => response.destroy());
};
const reset: Answer = (response) => void response.destroy();
const half: Answer = (response) => void response.writeHead(200).end('{"items":["a"');

test.each([
  ["the server fails", status(503), "pull.failed", "it answers 503"],
  ["there are too many requests", status(429), "pull.failed", "it answers 429"],
  ["nobody may look", status(403), "pull.refused", "it answers 403"],
  ["there is no such page", status(404), "pull.refused", "it answers 404"],
  ["the connection breaks", reset, "pull.failed", "the connection failed: "],
  ["the answer is cut off", cut, "pull.failed", "the connection failed: "],
  ["the answer is not whole", half, "pull.failed", "its answer is no JSON, or not whole"],
  ["there is no list", json({ items: {} }), "pull.refused", "the answer's field items is no list"],
  ["the cursor is none", json({ items: [], next: {} }), "pull.refused", "the answer's field next"],
] as const)("when %s, it says so, and whether it may pass", async (_, answer, code, message) => {
  const server = await memberServer(() => answer);
  const error = await failure(server);
  expect(error.code).toBe(code);
  expect(error.message).toContain(message);
  expect(error.retryable).toBe(code === "pull.failed");
});

test("an answer that never ends is given up in time, and a too long one at once", async () => {
  const server = await memberServer(() => json({ items: ["a".repeat(5_000)] }));
  server.faults.push((response) => void response.writeHead(200).write("["));
  const late = await failure(server, { timeoutMs: 100 });
  expect([late.code, late.message]).toEqual(["pull.failed", "no whole answer in 100 ms"]);
  const long = await failure(server, {}, 1_000);
  expect(long.code).toBe("pull.refused");
  expect(long.message).toContain("more than 1000 bytes: ask for smaller pages");
});

test("Retry-After is read as seconds and as a date", async () => {
  const server = await memberServer(() => status(429, { "retry-after": "7" }));
  expect(await failure(server)).toMatchObject({ retryAfterMs: 7_000 });
  const now = Date.parse("2026-05-01T10:00:00Z");
  expect(retryAfterMs("Fri, 01 May 2026 10:00:30 GMT", now)).toBe(30_000);
  expect(retryAfterMs("Fri, 01 May 2026 09:00:00 GMT", now)).toBe(0);
  expect(retryAfterMs("soon", now)).toBeUndefined();
  expect(retryAfterMs(null, now)).toBeUndefined();
});
