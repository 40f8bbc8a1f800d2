import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { Device } from "../../process/device.ts";
import { startWholeNode, type WholeNode } from "./whole-node.ts";

let node: WholeNode;
beforeAll(async () => {
  node = await startWholeNode();
});
afterAll(() => node.stop());

interface Why {
  readonly answer: string;
  readonly events: readonly { readonly type: string; readonly words: string }[];
  readonly inbox: string;
  readonly messages: readonly { readonly offset: number; readonly words: string }[];
}

function why(id: string, query = ""): Promise<Why> {
  return node.call("GET", `/v1/devices/${id}/why${query}`);
}

const lastWords = ({ events }: Why): string => events.at(-1)?.words ?? "";

test("a session is listed with where it is from, what it hears and what waits for it", async () => {
  const phone = await node.login({ user: "l-ann" }, false);
  await node.call("POST", "/v1/push", { to: ["user:l-ann"], topic: "t", payload: 1 });
  await phone.push();
  await phone.ping();
  const { items } = await node.call("GET", "/v1/devices?user=l-ann");
  assert.equal(items.length, 1);
  const [session] = items;
  assert.partialDeepStrictEqual(session, {
    ...{ principal: "user:l-ann", device: "test", isConnected: true, transport: "websocket" },
    ...{ address: "127.0.0.1", backlog: 1, head: 1, given: 1, requests: 0, subscriptions: [] },
  });
  assert.ok(Math.abs(session.since - Date.now()) < 60_000);
  assert.ok(session.heardAt >= session.since - 1_000);
  const shown = await node.call("GET", `/v1/devices/${session.id}`);
  assert.deepEqual(shown.inbox, { head: 1, forgotten: 0, waiting: 1 });
  assert.deepEqual([shown.id, shown.isConnected], ["user:l-ann", true]);
  phone.close();
});

test("who is away is shown with when it was last here", async () => {
  const before = Date.now();
  const phone = await node.login({ user: "a-ann" });
  phone.close();
  await phone.closed;
  let shown = await node.call("GET", "/v1/devices/user:a-ann");
  while (shown.isConnected) shown = await node.call("GET", "/v1/devices/user:a-ann");
  assert.ok(shown.lastSeen >= before);
  assert.ok((await node.call("GET", "/v1/devices?user=a-ann")).lastSeen >= before);
  assert.match((await why("user:a-ann")).answer, /^Not connected\. It was last here at /);
});

test("pages of sessions follow each other, also while sessions come and go", async () => {
  const phones = await Promise.all(["p-1", "p-2", "p-3"].map((user) => node.login({ user })));
  const first = await node.call("GET", "/v1/devices?limit=1");
  const seen: string[] = first.items.map((it: { principal: string }) => it.principal);
  for (let next = first.next; next !== undefined; ) {
    const page = await node.call("GET", `/v1/devices?limit=1&after=${next}`);
    seen.push(...page.items.map((it: { principal: string }) => it.principal));
    next = page.next;
  }
  assert.equal(new Set(seen).size, seen.length);
  for (const user of ["p-1", "p-2", "p-3"]) assert.ok(seen.includes(`user:${user}`));
  const other = await node.login({ user: "p-1" });
  const own = await node.call("GET", "/v1/devices?user=p-1&limit=1");
  assert.deepEqual([own.items.length, own.next], [1, undefined]);
  other.close();
  assert.equal((await node.fail("GET", "/v1/devices?after=x")).code, "store.cursor");
  for (const phone of phones) phone.close();
});

test("a kicked user, board or session is told why, and the record says so", async () => {
  await node.call("PUT", "/v1/boards/k-b", {});
  const devices = {
    "user:k-ann": await node.login({ user: "k-ann" }),
    "board:k-b": await node.login({ board: "k-b" }),
  };
  for (const [id, device] of Object.entries(devices)) {
    const kick = device.next(({ type }) => type === "kick");
    const done = await node.call("POST", `/v1/devices/${id}/kick`, { why: "it was lost" });
    assert.deepEqual(done, { sessions: 1 });
    assert.equal((await kick)["message"], "it was lost");
    assert.equal(await device.closed, 4201);
    const words = (await why(id)).events.map((event) => event.words);
    const ended = "it was ended on purpose (kicked, close code 4201): it was lost";
    assert.ok(words.includes(`the connection of test ended: ${ended}`), words.join("\n"));
  }
  const phone = await node.login({ user: "k-bob" });
  const { items } = await node.call("GET", "/v1/devices?user=k-bob");
  await node.call("POST", `/v1/devices/${items[0].id}/kick`, { why: "only this one" });
  assert.equal(await phone.closed, 4201);
  assert.equal((await why(`session:${items[0].id}`)).events[0]?.type, "connected");
  const none = await node.call("POST", "/v1/devices/user:k-none/kick", { why: "not here" });
  assert.deepEqual(none, { sessions: 0 });
});

test("a message for one device reaches it, or says that it is not there", async () => {
  const phone = await node.login({ user: "m-ann" });
  const message = { topic: "help", payload: { text: "call us" } };
  const sent = await node.call("POST", "/v1/devices/user:m-ann/send", message);
  assert.deepEqual([sent.result, sent.reached], ["reached", 1]);
  assert.partialDeepStrictEqual(await phone.push(), message);
  const away = await node.call("POST", "/v1/devices/user:m-bob/send", message);
  assert.deepEqual([away.result, away.reached], ["reached", 0]);
  const kept = { ...message, ttlMs: 60_000 };
  const waits = await node.call("POST", "/v1/devices/user:m-bob/send", kept);
  assert.deepEqual([waits.result, waits.offset], ["recorded", 1]);
  phone.close();
});

test("why a device was not let in is told of whose credential it was", async () => {
  const credential = await node.mint({ user: "r-ann" }, 1_000);
  const { exp } = JSON.parse(atob(credential.split(".")[1]!)) as { exp: number };
  while (Date.now() <= exp * 1000) await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(Device.login(node.websocket, credential), /closed with 4203/);
  const told = await why("user:r-ann");
  assert.match(
    lastWords(told),
    /^test was not let in over websocket from 127\.0\.0\.1: the credential has expired \(auth\./,
  );
  assert.match(told.answer, /^Not connected\. At .* test was not let in/);
});

test("why a message of a device was refused is told with what to do", async () => {
  const phone = await node.login({ user: "s-ann" });
  const sent = await phone.request({ type: "send", to: "user:s-eve", payload: "psst" });
  assert.equal(sent["code"], "route.forbidden");
  const told = await why("user:s-ann");
  const words = lastWords(told);
  assert.match(words, /^a request of test was refused: there is nobody at this address whom you/);
  assert.match(words, /\(route\.forbidden\)\. Only those who are bound or in one family reach/);
  assert.ok(!JSON.stringify(told).includes("psst"));
  phone.close();
});

test("what a message waits for is told, and how one has ended", async () => {
  const push = (id: string) => {
    return node.call("POST", "/v1/push", { to: ["user:w-ann"], topic: "t", payload: 1, id });
  };
  await push("w-1");
  const away = await why("user:w-ann");
  assert.match(away.messages[0]?.words ?? "", /^waits for a device to connect, until 20/);
  const silent = await node.login({ user: "w-ann" }, false);
  await silent.ping();
  const sent = await why("user:w-ann");
  assert.match(sent.messages[0]?.words ?? "", /^was sent to test; waits to be confirmed, until 20/);
  silent.close();
  await silent.closed;
  const phone = await node.login({ user: "w-ann" });
  await phone.ping();
  let ended = await why("user:w-ann", "?push=w-1");
  while (ended.messages[0]?.words.startsWith("waits")) {
    ended = await why("user:w-ann", "?push=w-1");
  }
  assert.match(ended.messages[0]?.words ?? "", /^was confirmed by a device at 20/);
  const unknown = await node.fail("GET", "/v1/devices/user:w-ann/why?push=w-9");
  assert.deepEqual([unknown.status, unknown.code], [404, "push.unknown"]);
  const told = await why("user:w-ann");
  assert.match(told.inbox, /^Messages 1 to 1 were recorded; none was let go/);
  assert.equal(lastWords(told), "message 1 was confirmed by test");
  await node.call("POST", "/v1/devices/user:w-ann/kick", { why: "enough" });
  await phone.closed;
  const after = await why("user:w-ann");
  assert.equal(after.events.at(-1)?.type, "ended");
  assert.ok(after.events.some(({ words }) => words === "message 1 was confirmed by test"));
});

test("a trace shows what a device says and gets, without payloads", async () => {
  const phone = await node.login({ user: "t-ann" });
  const none = await node.fail("GET", "/v1/devices/user:t-ann/trace");
  assert.deepEqual([none.status, none.code], [404, "trace.unknown"]);
  const { until } = await node.call("POST", "/v1/devices/user:t-ann/trace", { minutes: 1 });
  assert.ok(until > Date.now());
  await phone.ping();
  await phone.request({ type: "send", to: "user:t-eve", payload: "a secret" });
  await node.call("POST", "/v1/push", { to: ["user:t-ann"], topic: "t", payload: "a secret" });
  await phone.push();
  await phone.ping();
  const response = await fetch(`${node.url}/v1/devices/user:t-ann/trace`, {
    headers: { authorization: `Bearer ${node.token}` },
  });
  const later = await node.login({ user: "t-ann" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split('"type":"connected"').length > 1) break;
  }
  const lines = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!));
  const types = lines.map(({ way, type }) => `${way} ${type}`);
  for (const type of ["in ping", "in send", "out error", "out push", "in ack"]) {
    assert.ok(types.includes(type), `${type} is not among ${types.join(", ")}`);
  }
  assert.ok(types.includes("connection connected"));
  assert.ok(!text.includes("a secret"));
  phone.close();
  later.close();
});
