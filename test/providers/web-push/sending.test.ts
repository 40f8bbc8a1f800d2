import { expect, test } from "vitest";
import { message, options, startWebPush } from "./rig.ts";

test("a message arrives at the member's browser, signed, encrypted and readable", async () => {
  const { service, provider, subscribe } = await startWebPush();
  const endpoint = await subscribe("ann");
  const results = await provider.sendBatch([message("ann")], options());
  expect(service.faults).toEqual([]);
  expect(results).toEqual([{ status: "ok", providerId: `${endpoint}/m` }]);
  const [{ message: told, headers, claims } = expect.unreachable()] = service.delivered;
  expect(told).toEqual({
    ...{ id: "cmp_1:1:0/0:ann", title: "Hello ann", body: 'ü🎉 "x"', link: "/offers" },
  });
  expect(headers).toMatchObject({ ttl: "3600", urgency: "normal" });
  expect(claims.sub).toBe("mailto:push@example.com");
});

test("time to live, urgency and topic are those of the campaign", async () => {
  const { service, provider, subscribe } = await startWebPush(undefined, { urgency: "low" });
  await subscribe("ann");
  const payload = (webPush?: object) => JSON.stringify({ title: "t", webPush });
  const month = Date.now() + 60 * 86_400_000;
  await provider.sendBatch([message("ann", { payload: payload(), expiresAt: 0 })], options());
  const own = { urgency: "high", topic: "scores" };
  await provider.sendBatch(
    [message("ann", { payload: payload(own), expiresAt: month })],
    options(),
  );
  const [first, second] = service.delivered.map(({ headers }) => headers);
  expect(first).toMatchObject({ ttl: "0", urgency: "low" });
  expect(second).toMatchObject({ ttl: "2419200", urgency: "high", topic: "scores" });
  expect(service.delivered.map(({ message: told }) => Object.keys(told))).toEqual([
    ...[
      ["title", "id"],
      ["title", "id"],
    ],
  ]);
});

test("a message that is sent again takes its own place, and no other's", async () => {
  const { service, provider, subscribe } = await startWebPush();
  await subscribe("ann");
  for (const id of ["c:1:0/0:1", "c:1:0/0:1", "c:2:0/0:1"]) {
    await provider.sendBatch([message("ann", { id })], options());
  }
  const [first, again, next] = service.delivered.map(({ headers }) => headers["topic"]);
  expect(again).toBe(first);
  expect(next).not.toBe(first);
});

test("all browsers of a member get it, and each member has a result of their own", async () => {
  const { service, provider, subscribe } = await startWebPush();
  const items = ["ann", "bob", "eve", "joe"].map((member) => message(member));
  await subscribe("ann", "phone");
  await subscribe("ann", "laptop");
  await subscribe("joe");
  const results = await provider.sendBatch(items, options());
  expect(results.map(({ status }) => status)).toEqual(["ok", "refused", "refused", "ok"]);
  expect(results[1]).toEqual({
    ...{ status: "refused", reason: "no browser of the member takes web push" },
  });
  expect(service.delivered.map(({ endpoint }) => endpoint.split("/").at(-1)).sort()).toEqual([
    ...["joe", "laptop", "phone"],
  ]);
});

test("thousands share as many connections as are configured, and one token", async () => {
  const { service, provider, subscribe } = await startWebPush(undefined, { connections: 4 });
  const members = Array.from({ length: 400 }, (_, n) => `m-${n}`);
  for (const member of members) await subscribe(member);
  for (let from = 0; from < members.length; from += 100) {
    const batch = members.slice(from, from + 100).map((member) => message(member));
    const results = await provider.sendBatch(batch, options());
    expect(results.every(({ status }) => status === "ok")).toBe(true);
  }
  expect(service.delivered).toHaveLength(400);
  expect(service.connections()).toBeLessThanOrEqual(4);
  const tokens = service.delivered.map(({ headers }) => headers.authorization);
  expect(new Set(tokens).size).toBe(1);
});

test("a browser of a push service that is not configured is not sent to", async () => {
  const services = ["push.example.com"];
  const { service, provider, subscribe } = await startWebPush(undefined, { services });
  await subscribe("ann");
  const [result] = await provider.sendBatch([message("ann")], options());
  expect(result).toMatchObject({ status: "refused", reason: expect.stringContaining("service") });
  expect(service.connections()).toBe(0);
});

test.each([
  [[1], "payload: expected an object with a title"],
  [{ body: "b" }, "payload.title: expected a text, got nothing"],
  [{ title: "" }, "payload.title: expected a text"],
  [{ title: "t", body: 1 }, "payload.body: expected a text, got 1"],
  [{ title: "t", link: "javascript:alert(1)" }, "payload.link: expected an address"],
  [{ title: "t", webPush: { urgency: "now" } }, "payload.webPush.urgency: expected one of"],
  [{ title: "t", webPush: { topic: "a b" } }, "payload.webPush.topic: expected 1 to 32"],
  [{ title: "t", webPush: { ttl: 1 } }, "payload.webPush.ttl: expected no such field"],
  [{ title: "t".repeat(4_000) }, "payload: expected at most 3993 bytes of JSON"],
])("what web push cannot send is refused with its reason: %j", async (payload, reason) => {
  const { service, provider, subscribe } = await startWebPush();
  await subscribe("ann");
  const bad = message("ann", { payload: JSON.stringify(payload) });
  const [result] = await provider.sendBatch([bad], options());
  expect(result).toMatchObject({ status: "refused", reason: expect.stringContaining(reason) });
  expect(service.connections()).toBe(0);
  expect(provider.payloadProblems!(payload, "payload")).not.toEqual([]);
});

test("a payload with variables is judged by what is certain before they are known", async () => {
  const { provider } = await startWebPush();
  const problems = (payload: unknown) => provider.payloadProblems!(payload, "arms.0.payload");
  expect(problems({ title: "{{name}}", link: "{{link}}", webPush: { topic: "{{t}}" } })).toEqual(
    [],
  );
  expect(problems({ title: `{{name|${"x".repeat(5_000)}}}` })).toEqual([]);
  expect(problems({ title: "x".repeat(3_990) })).toMatchObject([
    { path: "arms.0.payload", expected: expect.stringContaining("3993 bytes") },
  ]);
  expect(problems({ title: 5 })).toMatchObject([{ path: "arms.0.payload.title", got: "5" }]);
});
