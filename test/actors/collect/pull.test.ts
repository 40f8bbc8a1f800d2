import { expect, test } from "vitest";
import type { PullSource } from "../../../src/actors/collect/messages.ts";
import { readPulled } from "../../../src/actors/collect/pull-items.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { fetchMemberApi } from "../../../src/gateways/member-api/fetch.ts";
import {
  byCursor,
  json,
  type MemberServer,
  memberServer,
  status,
} from "../../fixtures/member-server.ts";
import { ids, must, pagesOf, startDesk } from "./desk-rig.ts";

function start(server: MemberServer, origins = [server.origin]) {
  const desk = startDesk({ memberApi: fetchMemberApi({ origins, clock: systemClock }) });
  const source: PullSource = {
    ...{ type: "pull", url: `${server.origin}/members`, headers: { authorization: "secret" } },
    ...{ pageSize: 0, sizeParam: "limit", items: "items", member: "member", timeoutMs: 10_000 },
    paging: { type: "cursor", param: "cursor", next: "next" },
  };
  const members = async (id: string) =>
    (await pagesOf(desk.stores, await desk.read(id))).flat().map(({ member }) => member);
  return { ...desk, source, members };
}

test("a pull takes every page once, without who is none or must not be reached", async () => {
  const all = [...ids(0, 40), "m-3", { member: "m-40", vars: { city: "Wien" } }, { member: "" }];
  const server = await memberServer(byCursor(all, 10));
  const desk = start(server);
  await desk.stores.members.upsert([{ id: "m-7" }], 1);
  await desk.stores.members.optOut("m-7", { optedOut: true, at: 1 });
  const made = await desk.collect(desk.source);
  expect(made).toMatchObject({
    ...{ state: "finished", size: 40, lines: 43, invalid: 1, duplicates: 1 },
    excluded: { optedOut: 1, suppressed: 0, noAddress: 0 },
  });
  expect(server.asked).toHaveLength(5);
  expect((await desk.members(made.id)).sort()).toEqual(
    ids(0, 41)
      .filter((id) => id !== "m-7")
      .sort(),
  );
  expect((await desk.stores.audiences.errors(made.id, { limit: 9 })).items).toMatchObject([
    { line: 43, field: "member" },
  ]);
});

test("nobody is shown the headers, and they are sent", async () => {
  const server = await memberServer(byCursor(ids(0, 3), 10));
  const desk = start(server);
  const made = await desk.collect(desk.source);
  expect(made.source).toMatchObject({ headers: { authorization: "hidden" } });
  expect(server.headers.authorization).toBe("secret");
  const shown = await desk.ask((replyTo) => ({
    ...{ type: "list-audiences", request: { limit: 9 }, replyTo: replyTo as never },
  }));
  expect(JSON.stringify(shown)).not.toContain("secret");
});

test("an API that fails is asked again, the longer the more often, and as it says", async () => {
  const server = await memberServer(byCursor(ids(0, 30), 10));
  const desk = start(server);
  server.faults.push(json({ items: ids(0, 10), next: 10 }), status(503), status(500));
  server.faults.push(status(429, { "retry-after": "100" }));
  const { id } = must(await desk.create(desk.source));
  await desk.settle();
  expect(server.asked).toHaveLength(2);
  const told = (await desk.progress(id)).trouble;
  expect(told).toMatch(/^page 2 of the member API: it answers 503; try 2 of 8 in \d+ ms$/);
  await desk.kit.advance(500);
  await desk.settle();
  await desk.kit.advance(1_000);
  await desk.settle();
  expect(server.asked).toHaveLength(4);
  await desk.kit.advance(99_000);
  expect(server.asked).toHaveLength(4);
  await desk.kit.advance(1_000);
  await desk.settle();
  expect(await desk.read(id)).toMatchObject({ state: "finished", size: 30 });
  expect(await desk.progress(id)).toMatchObject({ trouble: "", pulled: { items: 30 } });
});

test("an API that fails for good fails the pull, naming the page and why", async () => {
  const server = await memberServer(byCursor(ids(0, 30), 10));
  const desk = start(server);
  const { id } = must(await desk.create(desk.source));
  server.faults.push(json({ items: ids(0, 10), next: 10 }));
  for (let n = 0; n < 8; n += 1) server.faults.push(status(503));
  for (let n = 0; n < 8; n += 1) {
    await desk.settle();
    await desk.kit.advance(60_000);
  }
  const why = "page 2 of the member API: it answers 503, at try 8";
  expect(await desk.read(id)).toMatchObject({ state: "failed", why });
  // It begins anew, at the first page, once somebody asks for that.
  server.asked.length = 0;
  await desk.command(id, "start");
  await desk.settle();
  expect(await desk.read(id)).toMatchObject({ state: "finished", size: 30, epoch: 2 });
  expect(server.asked).toHaveLength(3);
});

test("what cannot pass fails at once, and so does what goes in circles", async () => {
  const server = await memberServer(() => status(403));
  const desk = start(server);
  const first = must(await desk.create(desk.source));
  await desk.settle();
  const why = "page 1 of the member API: it answers 403";
  expect(await desk.read(first.id)).toMatchObject({ state: "failed", why });
  server.faults.push(json({ items: ["a"], next: 5 }), json({ items: ["b"], next: 5 }));
  const second = must(await desk.create(desk.source));
  await desk.settle();
  expect((await desk.read(second.id)).why).toContain("names itself as the next page");
});

test("a wait that is too long is not waited for", async () => {
  const server = await memberServer(() => status(503, { "retry-after": "86400" }));
  const desk = start(server);
  const { id } = must(await desk.create(desk.source));
  await desk.settle();
  expect((await desk.read(id)).why).toContain("to be asked again in 86400000 ms only");
});

test("an origin that the configuration does not name leaves nothing behind", async () => {
  const server = await memberServer(() => json({ items: [] }));
  const desk = start(server, ["http://elsewhere.example.com"]);
  expect(await desk.create(desk.source)).toMatchObject({ error: { code: "pull.refused" } });
  expect((await desk.stores.audiences.list({ limit: 9 })).items).toEqual([]);
  expect(server.asked).toEqual([]);
});

test("a pause drops the page in hand, and proceed asks for it again and no other", async () => {
  const server = await memberServer(byCursor(ids(0, 30), 10));
  const desk = start(server);
  const held: (() => void)[] = [];
  server.faults.push(json({ items: ids(0, 10), next: 10 }), (response) => {
    held.push(() => json({ items: ids(10, 20), next: 20 })(response, response.req));
  });
  const { id } = must(await desk.create(desk.source));
  await expect.poll(() => held.length).toBe(1);
  await desk.command(id, "pause");
  held[0]?.();
  await desk.settle();
  expect(await desk.progress(id)).toMatchObject({
    ...{ state: "pause", pulled: { pages: 1, items: 10 } },
  });
  await desk.command(id, "proceed");
  await desk.settle();
  expect(server.asked.map((it) => it.split("cursor=")[1])).toEqual([undefined, "10", "10", "20"]);
  expect(await desk.read(id)).toMatchObject({ state: "finished", size: 30, duplicates: 0 });
});

test("a member may be an id, an id with variables, or an object of fields", () => {
  expect(readPulled(1, 17, "id")).toEqual({ member: "17" });
  expect(readPulled(1, "a", "id")).toEqual({ member: "a" });
  const row = { id: 5, name: "Ada", age: 36, vip: true, tags: ["x"], note: null };
  const vars = { age: "36", name: "Ada", vip: "true" };
  expect(readPulled(1, row, "id")).toEqual({ member: "5", vars });
  expect(readPulled(1, { id: "a", vars: { x: "1" }, y: "2" }, "id")).toEqual({
    ...{ member: "a", vars: { x: "1" } },
  });
  expect(readPulled(4, { name: "Ada" }, "id")).toMatchObject({ line: 4, field: "id" });
  expect(readPulled(4, { id: "" }, "id")).toMatchObject({ line: 4, field: "member" });
  const long = { id: "a", name: "x".repeat(5_000) };
  expect(readPulled(4, long, "id")).toMatchObject({ line: 4, field: "name", got: "5000" });
  expect(readPulled(4, ["a"], "id")).toMatchObject({ line: 4 });
});
