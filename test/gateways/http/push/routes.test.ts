import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConfig } from "../../../../src/core/config.ts";
import type { Reply } from "../../../../src/gateways/http/push/reply.ts";
import { PUSH_ROUTES } from "../../../../src/gateways/http/push/routes.ts";
import { targetId } from "../../../../src/gateways/http/push/targets.ts";
import { type RunningNode, startNode } from "../../../../src/main.ts";

let node: RunningNode;
let token: string;
const folder = mkdtempSync(join(tmpdir(), "herald-push-"));
const BIG = "9007199254740993";

beforeAll(async () => {
  const config = {
    ...{ listen: { port: 0 }, node: { dataDir: folder }, log: { level: "silent" } },
    compat: { push: true, provider: "null" },
  };
  node = await startNode(parseConfig(config, {}));
  token = node.firstAdminToken!;
});
afterAll(async () => {
  await node.stop();
  rmSync(folder, { recursive: true });
});

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields it is about.
type Answer = Reply & { readonly data: any; readonly text: string; readonly status: number };

/** Calls a route as an old caller does; `body` may be text, for numbers that JavaScript lacks. */
async function call(path: string, body: unknown = {}, method = "POST"): Promise<Answer> {
  const response = await fetch(node.url + path, {
    method,
    headers: { authorization: `Bearer ${token}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { ...(JSON.parse(text) as Reply), text, status: response.status } as Answer;
}

async function done(path: string, body: unknown = {}, method = "POST"): Promise<Answer> {
  const answer = await call(path, body, method);
  expect(answer, answer.text).toMatchObject({ ret: 1, msg: "ok", status: 200 });
  return answer;
}

async function refused(path: string, body: unknown): Promise<string> {
  const answer = await call(path, body);
  expect(answer, answer.text).toMatchObject({ ret: 3, status: 200, data: null });
  return answer.detail;
}

const concrete = (mids: readonly number[]) => ({
  ...{ target_total: mids.length, worker_total: 1, qps: 0 },
  ...{ condition_kind: 1, condition: { mids } },
});

async function collected(mids: readonly number[]): Promise<number> {
  const { data } = await done("/constraint/add", concrete(mids));
  await done("/constraint/start", { id: data.id });
  return data.id as number;
}

const push = (cid: number, changes: object = {}) => ({
  ...{ cid, msg: { text: "hi" }, target_total: 3, worker_total: 1, qps: 0, ...changes },
});

async function ended(id: number): Promise<Answer> {
  for (;;) {
    const answer = await done("/project/get", { id });
    if (answer.data.state !== 2 && answer.data.state !== 6) return answer;
  }
}

test("there are the 21 routes of old", () => {
  expect(PUSH_ROUTES.length).toBe(21);
  expect(new Set(PUSH_ROUTES.map(({ path }) => path)).size).toBe(21);
});

test.each(PUSH_ROUTES.map(({ path }) => path))(
  "%s needs a token, whatever the method",
  async (path) => {
    for (const method of ["POST", "PUT"]) {
      const response = await fetch(node.url + path, { method, body: "{}" });
      const reply = (await response.json()) as Reply;
      expect([response.status, reply.ret, reply.msg]).toEqual([401, 3, "auth.missing"]);
    }
  },
);

describe("constraints", () => {
  test("/constraint/add keeps a list with its 64-bit numbers, ready to be collected", async () => {
    const rest = '"target_total":2,"worker_total":3,"qps":5,"condition_kind":1';
    const body = `{${rest},"condition":{"mids":[${BIG},-7]}}`;
    const { data, text } = await done("/constraint/add", body, "PUT");
    expect(data).toMatchObject({ state: 1, target_total: 2, worker_total: 3, qps: 5 });
    expect(data).toMatchObject({ target_counter: 0, disabled: false });
    expect(data.id).toBeGreaterThanOrEqual(100_000);
    expect(text).toContain(`"mids":[${BIG},-7]`);
  });

  test("/constraint/add says every field that is wrong, and adds nothing", async () => {
    const { data: before } = await done("/constraint/list");
    const detail = await refused("/constraint/add", {
      ...{ target_total: 0, worker_total: -1, condition_kind: 9, condition: { mids: ["x"] } },
    });
    for (const field of ["target_total", "worker_total", "condition_kind", "condition.mids.0"]) {
      expect(detail).toContain(`${field}: expected`);
    }
    expect(await refused("/constraint/add", "[1]")).toContain("expected an object");
    expect(await refused("/constraint/add", "{")).toContain("expected JSON");
    expect((await done("/constraint/list")).data.total).toBe(before.total);
  });

  test("/constraint/update changes what is asked; another list is collected anew", async () => {
    const id = await collected([1, 2]);
    const same = await done("/constraint/update", { id, ...concrete([1, 2]), disabled: true });
    expect(same.data).toMatchObject({ id, disabled: true, state: 4 });
    const other = await done("/constraint/update", { id, ...concrete([1, 3]) });
    expect(other.data).toMatchObject({ disabled: false, state: 1 });
    expect(await refused("/constraint/update", { id: 1, ...concrete([1]) })).toContain(
      "no constraint",
    );
  });

  test("/constraint/get shows one, and says which there is not", async () => {
    const { data } = await done("/constraint/add", concrete([5]));
    expect((await done("/constraint/get", { id: data.id })).data).toEqual(data);
    expect(await refused("/constraint/get", { id: 7 })).toContain("there is no constraint 7");
    expect(await refused("/constraint/get", {})).toContain("id: expected a whole number");
  });

  test("/constraint/list is the newest first, a slice at a time", async () => {
    const first = await done("/constraint/add", concrete([5]));
    const second = await done("/constraint/add", concrete([6]));
    const { data } = await done("/constraint/list", { offset: 0, limit: 2 });
    expect(data.list.map((it: { id: number }) => it.id)).toEqual([second.data.id, first.data.id]);
    expect(data.offset).toBe(2);
    const rest = await done("/constraint/list", { offset: data.total, limit: 5 });
    expect(rest.data.list).toEqual([]);
  });

  test("/constraint/load_from_file takes one number a line and counts the others", async () => {
    const raw = Buffer.from(`11\n\nnobody\r\n${BIG}\n 12 \n`).toString("base64");
    const { data, detail, text } = await done("/constraint/load_from_file", { raw });
    expect(data).toMatchObject({ state: 1, target_total: 3, worker_total: 1, condition_kind: 1 });
    expect(text).toContain(`"mids":[11,${BIG},12]`);
    expect(detail).toBe("1 lines are no numbers and were left out");
    expect(await refused("/constraint/load_from_file", { raw: "%%" })).toContain("base64");
    expect(await refused("/constraint/load_from_file", {})).toContain("raw: expected text");
  });

  test("/constraint/start collects, also again, but not what is disabled", async () => {
    const { data } = await done("/constraint/add", concrete([1, 2, 2]));
    const { id } = data;
    const started = await done("/constraint/start", { id });
    expect(started.data).toMatchObject({ state: 4, target_counter: 2 });
    expect(started.data.started_time).toBeGreaterThan(0);
    const again = await done("/constraint/start", { id });
    expect(again.data.audience).not.toBe(started.data.audience);
    await done("/constraint/update", { id, ...concrete([1]), disabled: true });
    expect(await refused("/constraint/start", { id })).toContain("is disabled");
  });

  test.each(["stop", "pause", "proceed"])("/constraint/%s says what holds it up", async (it) => {
    const { data } = await done("/constraint/add", concrete([1]));
    const never = await refused(`/constraint/${it}`, { id: data.id });
    expect(never).toContain(`constraint ${data.id} is ready, it was never started`);
    const id = await collected([1]);
    expect(await refused(`/constraint/${it}`, { id })).toContain("is finished; that allows: start");
  });
});

describe("projects", () => {
  test("/project/add needs a constraint that is there and enabled, and a message", async () => {
    const cid = await collected([1, 2, 3]);
    const { data } = await done("/project/add", push(cid));
    expect(data).toMatchObject({ cid, state: 1, msg: { text: "hi" }, target_counter: 0 });
    expect(await refused("/project/add", push(7))).toContain("no constraint 7");
    expect(await refused("/project/add", push(cid, { msg: "" }))).toContain("msg: expected");
    await done("/constraint/update", { id: cid, ...concrete([1]), disabled: true });
    expect(await refused("/project/add", push(cid))).toContain("is disabled");
  });

  test("/project/update is refused while it is started", async () => {
    const cid = await collected([1, 2, 3]);
    const { data } = await done("/project/add", push(cid, { qps: 1 }));
    const { id } = data;
    await done("/project/start", { id });
    const change = { id, ...push(cid, { msg: { text: "two" } }) };
    expect(await refused("/project/update", change)).toContain("is started");
    await done("/project/stop", { id });
    expect((await done("/project/update", change)).data).toMatchObject({ msg: { text: "two" } });
    await done("/project/update", { ...change, disabled: true });
    expect(await refused("/project/start", { id })).toContain("is disabled");
  });

  test("/project/get and /project/list show state and counters", async () => {
    const cid = await collected([1, 2, 3]);
    const { data } = await done("/project/add", push(cid));
    expect((await done("/project/get", { id: data.id })).data).toEqual(data);
    const { data: listed } = await done("/project/list", { limit: 1 });
    expect(listed).toMatchObject({ list: [data], offset: 1 });
    expect(await refused("/project/get", { id: 3 })).toContain("there is no project 3");
  });

  test("/project/start reaches everybody, and everybody again the next time", async () => {
    const cid = await collected([1, 2, 3]);
    const { id } = (await done("/project/add", push(cid))).data;
    await done("/project/start", { id });
    const first = await ended(id);
    expect(first.data).toMatchObject({ state: 4, target_counter: 3 });
    await done("/project/start", { id });
    const second = await ended(id);
    expect(second.data).toMatchObject({ state: 4, target_counter: 3 });
    expect(second.data.campaign).toBe(first.data.campaign);
  });

  test("/project/start is refused before its constraint is collected, or for too few", async () => {
    const { data } = await done("/constraint/add", concrete([1, 2]));
    const { id } = (await done("/project/add", push(data.id))).data;
    expect(await refused("/project/start", { id })).toContain("is ready, not finished");
    await done("/constraint/start", { id: data.id });
    await done("/project/update", { id, ...push(data.id, { target_total: 1 }) });
    expect(await refused("/project/start", { id })).toContain("there are 2 targets");
  });

  test("/project/stop, pause and proceed act, or say what it was", async () => {
    const cid = await collected([1, 2, 3]);
    const { id } = (await done("/project/add", push(cid, { qps: 1 }))).data;
    expect(await refused("/project/stop", { id })).toContain("never started");
    await done("/project/start", { id });
    expect(await refused("/project/start", { id })).toContain("is started already");
    expect((await done("/project/pause", { id })).data.state).toBe(7);
    const again = await done("/project/pause", { id });
    expect(again.detail).toBe("it was pause already: nothing has changed");
    expect((await done("/project/proceed", { id })).data.state).toBe(2);
    expect((await done("/project/stop", { id })).data.state).toBe(3);
    expect(await refused("/project/proceed", { id })).toContain("is stopped");
    expect(await refused("/project/pause", { id })).toContain("is stopped");
  });
});

describe("targets", () => {
  test("/target/get tells of a member in every project of the constraint", async () => {
    const cid = await collected([1, 2, 3]);
    const { id } = (await done("/project/add", push(cid))).data;
    const before = await done("/target/get", { cid, mid: 2 });
    expect(before.data).toEqual({ id: targetId(cid, "2"), cid, mid: 2, pids: {} });
    await done("/project/start", { id });
    await ended(id);
    expect((await done("/target/get", { cid, mid: 2 })).data.pids).toEqual({ [id]: 4 });
    expect(await refused("/target/get", { cid, mid: 9 })).toContain("9 is not a target");
  });

  test("/target/list and /target/list_by_cid go through them a slice at a time", async () => {
    const cid = await collected([4, 5, 6]);
    const { data } = await done("/target/list_by_cid", { cid, offset: 1, limit: 1 });
    expect(data).toMatchObject({ list: [{ cid, mid: 5 }], offset: 2, total: 3 });
    const all = await done("/target/list", { limit: 4 });
    const mids = all.data.list.map((it: { mid: number }) => it.mid);
    expect(mids.slice(0, 3)).toEqual([4, 5, 6]);
    expect(all.data.total).toBeGreaterThan(3);
    const next = await done("/target/list", { offset: 3, limit: 1 });
    expect(next.data.list[0].cid).not.toBe(cid);
  });

  test("/target/delete takes a member out, and a bad id is an answer, not a crash", async () => {
    const cid = await collected([1, 2]);
    await done("/target/delete", { id: targetId(cid, "2") });
    expect((await done("/target/list_by_cid", { cid })).data).toMatchObject({ total: 1 });
    expect((await done("/constraint/get", { id: cid })).data).toMatchObject({ target_total: 1 });
    expect(await refused("/target/delete", { id: targetId(cid, "2") })).toContain(
      "is not a target",
    );
    expect(await refused("/target/delete", { id: targetId(cid, "1") })).toContain(
      "the last target",
    );
    expect(await refused("/target/delete", { id: "zz" })).toContain("24 hexadecimal digits");
  });

  test("/target/delete is refused while a project sends to it", async () => {
    const cid = await collected([1, 2, 3]);
    const { id } = (await done("/project/add", push(cid, { qps: 1 }))).data;
    await done("/project/start", { id });
    expect(await refused("/target/delete", { id: targetId(cid, "1") })).toContain(
      "is sending to it",
    );
    await done("/project/stop", { id });
  });

  test("an id holds the constraint and all 64 bits of the member", () => {
    expect(targetId(100_000, BIG)).toBe("000186a00020000000000001");
    expect(targetId(1, "-1")).toBe("00000001ffffffffffffffff");
  });
});

test("what old callers change is on record", async () => {
  const { id } = (await done("/constraint/add", concrete([1]))).data;
  await done("/constraint/start", { id });
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${node.url}/v1/audit?limit=1`, { headers });
  const { items } = (await response.json()) as { items: { action: string; target: string }[] };
  expect(items[0]).toMatchObject({ action: "push.constraint.start", target: String(id) });
});

test("the old routes are not there unless they are asked for", async () => {
  const other = mkdtempSync(join(tmpdir(), "herald-push-"));
  const config = { listen: { port: 0 }, node: { dataDir: other }, log: { level: "silent" } };
  const plain = await startNode(parseConfig(config, {}));
  const response = await fetch(`${plain.url}/constraint/list`, { method: "POST" });
  expect(response.status).toBe(404);
  await plain.stop();
  rmSync(other, { recursive: true });
});
