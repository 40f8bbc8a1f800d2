import { expect, test } from "vitest";
import { newVapidKeys } from "../../src/core/web-push.ts";
import { startPushService } from "../providers/web-push/push-service.ts";
import { followCampaign } from "./campaign-end.ts";
import { herald, type NodeProcess, startNode } from "./herald.ts";

const keys = newVapidKeys();

/** A push service, and a node that sends through it. */
async function start(more: object = {}) {
  const service = await startPushService(keys.publicKey);
  const webPush = {
    ...{ subject: "mailto:push@example.com", privateKey: keys.privateKey },
    ...{ services: [service.origin], maxBatch: 50, ...more },
  };
  const env = { HERALD_PROVIDERS_WEB_PUSH: JSON.stringify(webPush) };
  const node = await startNode([], { env });
  const token = node.places.adminToken!;
  const call = async (method: string, path: string, body?: unknown): Promise<never> => {
    const answer = await node.call(method, path, token, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as never;
  };
  const subscribe = async (member: string): Promise<string> => {
    const subscription = service.subscribe(member);
    await call("POST", `/v1/members/${member}/web-push`, subscription);
    return subscription.endpoint;
  };
  return { service, node, token, call, subscribe };
}

type Rig = Awaited<ReturnType<typeof start>>;

/** Sends a campaign to these members and returns how it ended. */
async function campaign({ node, token, call }: Rig, members: readonly string[], more: object) {
  const { id: audience }: { id: string } = await call("POST", "/v1/audiences", {
    name: "all",
    members,
  });
  const payload = { title: "Hello {{member}}", body: "News", link: "https://example.com/" };
  const spec = { name: "c", audience, provider: "webpush", payload, window: 50, ...more };
  const { id }: { id: string } = await call("POST", "/v1/campaigns", spec);
  const ended = await followCampaign(node.url, token, id);
  await call("POST", `/v1/campaigns/${id}/start`, {});
  return { id, progress: await ended() };
}

async function figuresOf(node: NodeProcess, token: string, name: string) {
  const options = ["--url", node.url, "--token", token];
  const { stdout, status } = await herald(["providers", "show", name, "--json", ...options]);
  expect(status).toBe(0);
  return JSON.parse(stdout) as { state: { items: Record<string, number>; gates: object } };
}

test("a campaign reaches browsers; one that is gone is suppressed, not its member", async () => {
  const rig = await start();
  const { service, node, token, call, subscribe } = rig;
  const members = Array.from({ length: 200 }, (_, n) => `m-${n}`);
  for (const member of members) await subscribe(member);
  const gone = await subscribe("m-gone");
  service.unsubscribe(gone);
  const all = [...members, "m-gone", "m-none"];
  const { id, progress } = await campaign(rig, all, {});
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(progress.counts).toMatchObject({ delivered: 200, invalid: 1, shed: 1, unknown: 0 });
  expect(service.faults).toEqual([]);
  expect(service.delivered.map(({ message }) => message["title"]).sort()).toEqual(
    members.map((member) => `Hello ${member}`).sort(),
  );
  expect(new Set(service.delivered.map(({ message }) => message.id)).size).toBe(200);
  expect(service.delivered[0]!.message.id).toMatch(new RegExp(`^${id}:1:`));

  const { items }: { items: object[] } = await call("GET", "/v1/suppressions");
  expect(items).toMatchObject([{ kind: "address", value: gone, by: "provider:webpush" }]);
  expect(await call("GET", "/v1/members/m-gone/web-push")).toEqual({ browsers: [] });
  // Another campaign does not try the browser again, and the member is still a member.
  const second = await campaign(rig, ["m-gone"], { name: "d" });
  expect(second.progress.counts).toMatchObject({ shed: 1, invalid: 0 });
  const session = await campaign(rig, ["m-gone"], { name: "e", provider: "session", payload: {} });
  expect(session.progress.counts).toMatchObject({ handed: 1 });

  const shown = await figuresOf(node, token, "webpush");
  expect(shown.state.items).toMatchObject({ ok: 200, invalid: 1, refused: 2, unknown: 0 });
  expect(shown.state.gates).toMatchObject({
    breaker: { state: "closed" },
    concurrency: { max: 8 },
  });
  expect((await figuresOf(node, token, "session")).state.items).toMatchObject({ handed: 1 });
  await node.end("SIGTERM");
});

test("a push service that is busy delays a campaign and loses nothing", async () => {
  const rig = await start();
  const { service, node, subscribe } = rig;
  const members = Array.from({ length: 100 }, (_, n) => `m-${n}`);
  for (const member of members) await subscribe(member);
  let requests = 0;
  service.behavior = (response) => {
    requests += 1;
    if (requests <= 60) response.writeHead(429, { "retry-after": "0" }).end();
    else response.writeHead(201).end();
  };
  const { progress } = await campaign(rig, members, {});
  expect(progress.state).toBe("finished");
  expect(progress.counts).toMatchObject({ delivered: 100, unknown: 0, shed: 0 });
  await node.end("SIGTERM");
});

test("answers that are lost are unknown, exactly those, and nobody gets a copy", async () => {
  const rig = await start({ timeoutMs: 2_000 });
  const { service, node, subscribe } = rig;
  const members = Array.from({ length: 200 }, (_, n) => `m-${n}`);
  for (const member of members) await subscribe(member);
  const lost = new Set<string>();
  service.behavior = (response, { message }) => {
    if (service.delivered.length % 20 !== 3) return void response.writeHead(201).end();
    lost.add(message.id);
    response.socket?.resetAndDestroy();
  };
  const { progress } = await campaign(rig, members, { guarantee: "at-most-once" });
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(lost.size).toBe(10);
  expect(progress.counts).toMatchObject({ delivered: 190, unknown: 10 });
  expect(new Set(service.delivered.map(({ message }) => message.id)).size).toBe(200);
  expect(service.delivered).toHaveLength(200);
  await node.end("SIGTERM");
});

test("what web push cannot do is refused when a campaign is made, and by its field", async () => {
  const { node, token, call } = await start();
  const { id: audience }: { id: string } = await call("POST", "/v1/audiences", {
    ...{ name: "all", members: ["a"] },
  });
  const spec = { name: "c", audience, provider: "webpush" };
  const problemsOf = async (more: object) => {
    const answer = await node.call("POST", "/v1/campaigns", token, { ...spec, ...more });
    expect(answer.status).toBe(422);
    return (answer.body as { error: { problems: { path: string }[] } }).error.problems;
  };
  const arms = [{ name: "b", percent: 50, payload: { title: "t", link: "ftp://x" } }];
  expect(await problemsOf({ payload: { text: "Hi" }, arms })).toMatchObject([
    { path: "payload.title", expected: "a text", got: "nothing" },
    { path: "arms.0.payload.link" },
  ]);
  const long = { title: "t", body: "x".repeat(4_000) };
  expect(await problemsOf({ payload: long })).toMatchObject([
    { path: "payload", expected: "at most 3993 bytes of JSON, which push services take" },
  ]);
  expect(await problemsOf({ payload: { title: "t" }, guarantee: "key" })).toMatchObject([
    { path: "guarantee" },
  ]);
  await node.end("SIGTERM");
});

test("only what is a subscription at a push service that is allowed is taken", async () => {
  const { service, node, token, subscribe, call } = await start({ subscriptionsMax: 2 });
  const good = service.subscribe("ann");
  const post = (json: unknown) => node.call("POST", "/v1/members/ann/web-push", token, json);
  const bad = [
    [{ ...good, endpoint: "http://127.0.0.1:1/x" }, "endpoint"],
    [{ ...good, endpoint: "file:///etc/passwd" }, "endpoint"],
    [{ ...good, endpoint: good.endpoint.replace("//", "//user@") }, "endpoint"],
    [{ ...good, keys: { ...good.keys, p256dh: `B${"A".repeat(86)}` } }, "keys.p256dh"],
    [{ ...good, keys: { ...good.keys, auth: "AAAA" } }, "keys.auth"],
  ] as const;
  for (const [json, path] of bad) {
    const { status, body } = await post(json);
    expect([status, (body as { error: object }).error]).toMatchObject([
      ...[422, { code: "member.invalid", problems: [{ path }] }],
    ]);
  }
  expect((await post(good)).status).toBe(200);
  await call("POST", "/v1/suppressions", {
    entries: [{ kind: "address", value: good.endpoint, why: "asked for it" }],
  });
  expect((await post(good)).text).toContain("not suppressed (asked for it)");
  for (const name of ["a", "b", "c"]) {
    await call("POST", "/v1/members/bob/web-push", service.subscribe(name));
  }
  const { browsers }: { browsers: { endpoint: string }[] } = await call(
    ...(["GET", "/v1/members/bob/web-push"] as const),
  );
  expect(browsers.map(({ endpoint }) => endpoint.at(-1))).toEqual(["c", "b"]);
  const one = `?endpoint=${encodeURIComponent(browsers[0]!.endpoint)}`;
  expect(await call("DELETE", `/v1/members/bob/web-push${one}`)).toEqual({ removed: 1 });
  expect(await call("DELETE", `/v1/members/ann/web-push${one}`)).toEqual({ removed: 0 });
  await subscribe("eve");
  await call("POST", "/v1/members", { id: "eve" });
  await call("DELETE", "/v1/members/eve");
  expect(await call("GET", "/v1/members/eve/web-push")).toEqual({ browsers: [] });
  await node.end("SIGTERM");
});

test("pages get the public key, commands make keys, and a key that is made is kept", async () => {
  const { node, token, call } = await start();
  expect(await call("GET", "/v1/providers/webpush/vapid")).toEqual({ publicKey: keys.publicKey });
  const list = await herald(["providers", "list", "--url", node.url, "--token", token]);
  expect(list.stdout).toMatch(/^webpush +closed +- +0 of \d+ +0 /m);
  expect(list.stdout).toMatch(/^session +- +- +0 +0 /m);
  await node.end("SIGTERM");
  const { stdout } = await herald(["providers", "vapid-keys", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ publicKey: expect.stringMatching(/^B[\w-]{86}$/) });

  const env = { HERALD_PROVIDERS_WEB_PUSH: '{"subject":"https://example.com"}' };
  const keyOf = async (data: readonly string[]) => {
    const other = await startNode(data, { env });
    const admin = other.places.adminToken ?? kept;
    kept = admin;
    const { body } = await other.call("GET", "/v1/providers/webpush/vapid", admin);
    await other.end("SIGTERM");
    return { key: body, data: ["--data", other.places.data] };
  };
  let kept = "";
  const first = await keyOf([]);
  expect(first.key).toMatchObject({ publicKey: expect.stringMatching(/^B[\w-]{86}$/) });
  expect((await keyOf(first.data)).key).toEqual(first.key);
});
