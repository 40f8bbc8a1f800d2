import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { ROUTES } from "../../../src/gateways/http/routes.ts";
import { type HttpNode, type Reply, startHttpNode } from "./node.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode({ limits: { bodyBytesMax: 20_000, bodyMs: 300 } });
});
afterAll(() => node.stop());

function problems(reply: Reply): [path: string, expected: string, got: string][] {
  assert.equal(reply.status, 400, reply.text);
  assert.equal(reply.json.error.code, "http.invalid");
  return reply.json.error.problems.map((it: { path: string; expected: string; got: string }) => [
    it.path,
    it.expected,
    it.got,
  ]);
}

function post(path: string, body: string, type = "application/json"): Promise<Reply> {
  return node.call("POST", path, { body, headers: { "content-type": type } });
}

test("all that is wrong is said at once: where, what was expected and what came", async () => {
  const json = { name: "", audience: 3, rate: -1, workers: 1.5, guarantee: "maybe", colour: "red" };
  const reply = await node.call("POST", "/v1/campaigns?loud=1", { json });
  assert.deepEqual(problems(reply), [
    ["query.loud", "no such field", '"1"'],
    ["name", "a length of at least 1", '""'],
    ["audience", "a string", "3"],
    ["payload", "a JSON value", "nothing"],
    ["rate", "at least 0", "-1"],
    ["workers", "a whole number", "1.5"],
    ["guarantee", 'one of "at-most-once", "at-least-once", "key", "receipt"', '"maybe"'],
    ["colour", "no such field", '"red"'],
  ]);
});

test("of alternatives, what came nearest is explained", async () => {
  const json = { name: "n", members: ["a", 1, { member: "b", vars: { n: 1 } }, { nember: "c" }] };
  assert.deepEqual(problems(await node.call("POST", "/v1/audiences", { json })), [
    ["members.1", "a string, or an object", "1"],
    ["members.2.vars.n", "a string", "1"],
    ["members.3.member", "a string", "nothing"],
    ["members.3.nember", "no such field", '"c"'],
  ]);
  const token = await node.call("POST", "/v1/tokens", { json: { kind: "phone" } });
  const kinds = 'one of "device", "board", "api"';
  assert.deepEqual(problems(token), [["kind", kinds, '"phone"']]);
});

test("a name that is wrong is one problem, told in words and with what came", async () => {
  const long = "x".repeat(123);
  const cases: [method: string, path: string, json: object | undefined, problem: RegExp][] = [
    ["PUT", `/v1/boards/${long}`, {}, /^path\.id,a length of at most 122,"xxx/],
    ["PUT", "/v1/boards/a%00", {}, /^path\.id,text without control characters,"a\\u0000"$/],
    ["POST", "/v1/boards/b-1/bind", { user: "board:b-2" }, /^user,an id without .* before it,"bo/],
    ["PUT", "/v1/boards/board:b-1", {}, /^path\.id,an id without .* before it,"board:b-1"$/],
    ["GET", "/v1/users/user:ann/relations", undefined, /^path\.id,an id without .*,"user:ann"$/],
    ["POST", "/v1/node/drain", { url: "http://x" }, /^url,an address .* wss:\/\/,"http:\/\/x"$/],
    ["GET", "/v1/uploads?consumer=crm&kinds=a%20b", undefined, /^query\.kinds,at most .*,"a b"$/],
  ];
  for (const [method, path, json, problem] of cases) {
    const found = problems(await node.call(method, path, json === undefined ? {} : { json }));
    assert.equal(found.length, 1, path);
    assert.match(found[0]!.join(), problem);
  }
});

test("of very many problems the first hundred are listed", async () => {
  const json = { name: "n", members: new Array(5_000).fill(7) };
  const reply = await node.call("POST", "/v1/audiences", { json });
  assert.equal(problems(reply).length, 100);
  assert.match(reply.json.error.message, /the first 100/);
});

test("a query is checked: numbers, unknown names and names that come twice", async () => {
  const reply = await node.call("GET", "/v1/campaigns?limit=1e3&limt=5&after=a&after=b");
  assert.deepEqual(problems(reply), [
    ["query.after", "one value", '"a" and "b"'],
    ["query.limit", "a number", '"1e3"'],
    ["query.limt", "no such field", '"5"'],
  ]);
});

test("control characters are refused in names and ids", async () => {
  const json = { to: ["user:a\u0000b"], topic: "x\ny", payload: 1 };
  const reply = await node.call("POST", "/v1/push", { json });
  assert.deepEqual(
    problems(reply).map(([path]) => path),
    ["to.0", "topic"],
  );
});

test("a payload may be any JSON up to its size", async () => {
  const push = (payload: unknown) =>
    node.call("POST", "/v1/push", { json: { to: ["user:a"], topic: "t", payload } });
  for (const payload of [null, 0, "", [], { a: { b: [1] } }]) {
    assert.equal((await push(payload)).status, 200);
  }
  const big = await startHttpNode();
  const json = { to: ["user:a"], topic: "t", payload: "x".repeat(40_000) };
  const reply = await big.call("POST", "/v1/push", { json });
  assert.deepEqual(problems(reply)[0]?.slice(0, 2), ["payload", "at most 32768 bytes of JSON"]);
  await big.stop();
});

test("a body must be JSON in UTF-8, and not deeper than its limit", async () => {
  const expected = async (body: string | Uint8Array) => {
    const headers = { "content-type": "application/json" };
    const reply = await node.call("POST", "/v1/push", { body: body as string, headers });
    return problems(reply)[0]?.[1];
  };
  assert.equal(await expected("{"), "JSON");
  assert.equal(await expected("[1,2"), "JSON");
  assert.equal(await expected(new Uint8Array([0x22, 0xff, 0x22])), "text in UTF-8");
  const deep = "[".repeat(5_000) + "]".repeat(5_000);
  assert.equal(await expected(deep), "at most 32 levels of arrays and objects");
  assert.equal(await expected('"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["'), "an object");
});

test("a key that would change the prototype is only an unknown field", async () => {
  const body = '{"to":["user:a"],"topic":"t","payload":{"__proto__":{"x":1}},"__proto__":{"y":1}}';
  const reply = await post("/v1/push", body);
  assert.ok(reply.status === 400 || reply.status === 200);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
  assert.equal(({} as Record<string, unknown>)["y"], undefined);
});

test("a body of another type or character set is refused with what is taken", async () => {
  const body = JSON.stringify({ to: ["user:a"], topic: "t", payload: 1 });
  assert.equal((await post("/v1/push", body, "application/json; charset=UTF-8")).status, 200);
  for (const type of ["text/plain", "application/json; charset=latin1", "text/csv"]) {
    const reply = await post("/v1/push", body, type);
    assert.deepEqual([reply.status, reply.json.error.code], [415, "http.media-type"], type);
  }
  const audience = await post("/v1/audiences", "member\n", "text/html");
  assert.match(
    audience.json.error.message,
    /application\/json or text\/csv or application\/x-ndjson or text\/plain/,
  );
});

test("an empty body is an empty object", async () => {
  assert.equal((await node.call("POST", "/v1/campaigns/cam_1/start")).status, 200);
  const missing = problems(await node.call("POST", "/v1/campaigns"));
  assert.deepEqual(
    missing.map(([path]) => path),
    ["name", "audience", "payload"],
  );
});

const bodyless = ROUTES.filter(
  (it) => it.kind === "json" && it.method !== "GET" && it.body === undefined,
).map(({ method, path }) => [method, path.replace(/\{\w+\}/g, "x")] as const);

test.each(bodyless)("%s %s refuses a body by its fields, but for {}", async (method, path) => {
  const aboutBody = async (json: unknown) => {
    const reply = await node.call(method, path, { json });
    const found = (reply.json.error?.problems ?? []) as { path: string }[];
    return [reply.status, ...found.filter((it) => !it.path.startsWith("path."))];
  };
  const field = { path: "force", expected: "no such field", got: "true" };
  assert.deepEqual(await aboutBody({ force: true }), [400, field]);
  assert.deepEqual(await aboutBody([1]), [400, { path: "", expected: "an object", got: "[1]" }]);
  assert.equal((await aboutBody({})).length, 1);
});

test("a body over its limit is refused, announced or not", async () => {
  const body = JSON.stringify({ name: "x".repeat(30_000) });
  const announced = await post("/v1/campaigns", body);
  assert.deepEqual([announced.status, announced.json.error.code], [413, "http.body-too-large"]);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(body));
      controller.close();
    },
  });
  const headers = { "content-type": "application/json" };
  const reply = await node.call("POST", "/v1/campaigns", { body: stream, headers });
  assert.deepEqual([reply.status, reply.json.error.code], [413, "http.body-too-large"]);
});

test("a body that comes too slowly is given up", async () => {
  let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller;
      controller.enqueue(new TextEncoder().encode('{"to":'));
    },
  });
  const headers = { "content-type": "application/json" };
  const reply = await node.call("POST", "/v1/push", { body: stream, headers });
  assert.deepEqual([reply.status, reply.json.error.code], [408, "http.timeout"]);
  feed?.close();
});

test("an id in the path is decoded, and what is no UTF-8 is nothing", async () => {
  const encoded = await node.call("GET", "/v1/audiences/aud%5F1");
  assert.equal(encoded.status, 200);
  assert.equal((await node.call("GET", "/v1/audiences/%zz")).status, 404);
  assert.deepEqual(problems(await node.call("GET", "/v1/audiences/a%00b"))[0]?.[0], "path.id");
});
