import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { deviceSecret, writeSecret } from "../../../src/core/device-secret.ts";
import { DEVICES_SECRET, type HttpNode, type Reply, startHttpNode } from "./node.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

const post = (path: string, json: unknown = {}): Promise<Reply> =>
  node.call("POST", path, { json });

/** The status events that wait in somebody's inbox. */
async function told(user: string): Promise<Record<string, unknown>[]> {
  const [inbox] = await node.stores.inbox.read([user], 0);
  return inbox!.items.map(({ payload }) => JSON.parse(payload));
}

async function toldEvents(user: string): Promise<unknown[]> {
  return (await told(user)).map(({ event }) => event);
}

/** What the record says of a change: the action, its target and the outcome, newest first. */
async function audit(): Promise<string[]> {
  const { json } = await node.call("GET", "/v1/audit?limit=1000");
  return json.items.map(
    (it: { action: string; target: string; outcome: string }) =>
      `${it.action} ${it.target} ${it.outcome}`,
  );
}

function secretOf(board: string, version: number, device = "board"): string {
  const owner = { principal: `board:${board}`, device, version };
  return writeSecret(deviceSecret(DEVICES_SECRET, owner));
}

test("a board is registered, renamed, bound, shown and forgotten, each change once", async () => {
  const put = await node.call("PUT", "/v1/boards/a-1", { json: { name: "Lamp", mac: "aa:01" } });
  assert.equal(put.status, 200, put.text);
  assert.partialDeepStrictEqual(put.json, { id: "a-1", name: "Lamp", changed: true });
  const again = await node.call("PUT", "/v1/boards/a-1", { json: { name: "Lamp" } });
  assert.partialDeepStrictEqual(again.json, { mac: "aa:01", changed: false });
  assert.deepEqual((await post("/v1/boards/a-1/bind", { user: "a-ann" })).json, { changed: true });
  assert.deepEqual((await post("/v1/boards/a-1/bind", { user: "a-ann" })).json, { changed: false });
  const shown = await node.call("GET", "/v1/boards/a-1");
  assert.partialDeepStrictEqual(shown.json, {
    owner: "a-ann",
    users: [{ user: "a-ann", role: "owner" }],
  });
  const listed = await node.call("GET", "/v1/boards?owner=a-ann");
  assert.deepEqual(
    listed.json.items.map(({ id }: { id: string }) => id),
    ["a-1"],
  );
  assert.deepEqual((await node.call("DELETE", "/v1/boards/a-1")).json, { changed: true });
  assert.deepEqual((await node.call("DELETE", "/v1/boards/a-1")).json, { changed: false });
  assert.equal((await node.call("GET", "/v1/boards/a-1")).status, 404);
  assert.deepEqual(await toldEvents("a-ann"), ["board.bound", "board.unbound"]);
  assert.deepEqual(await toldEvents("board:a-1"), ["board.bound", "board.unbound"]);
  const [forgotten, , unbound] = (await audit()).filter((line) => line.includes("a-1"));
  assert.deepEqual([forgotten, unbound], ["board.forget a-1 ok", "board.bind a-1 a-ann ok"]);
});

test("a change that is refused says why, and the record has it", async () => {
  await node.call("PUT", "/v1/boards/r-1", { json: {} });
  await post("/v1/boards/r-1/bind", { user: "r-ann" });
  const reply = await post("/v1/boards/r-1/bind", { user: "r-eve" });
  assert.equal(reply.status, 409);
  assert.equal(reply.json.error.code, "relation.refused");
  assert.match(reply.json.error.message, /bound to another user: unbind it/);
  assert.equal((await audit())[0], "board.bind r-1 r-eve relation.refused");
  assert.deepEqual(await toldEvents("r-eve"), []);
});

test("a family is told of everything that happens to it, and a user shows it", async () => {
  const family = "/v1/families/f-ann";
  await node.call("PUT", "/v1/boards/f-1", { json: {} });
  await post("/v1/boards/f-1/bind", { user: "f-ann" });
  for (const user of ["f-bob", "f-eve", "f-gus"]) {
    await post(`${family}/invite`, { user, role: user === "f-gus" ? "guest" : "member" });
  }
  const invited = await node.call("GET", "/v1/users/f-bob/relations");
  assert.partialDeepStrictEqual(invited.json, { invitations: [{ family: "f-ann" }], boards: [] });
  await post(`${family}/join`, { user: "f-bob" });
  await post(`${family}/join`, { user: "f-gus" });
  await post(`${family}/refuse`, { user: "f-eve" });
  const { json } = await node.call("GET", "/v1/users/f-gus/relations");
  assert.deepEqual(json.boards, [{ board: "f-1", role: "guest" }]);
  assert.deepEqual(json.users.map(({ user }: { user: string }) => user).sort(), ["f-ann", "f-bob"]);
  assert.deepEqual((await post(`${family}/role`, { user: "f-gus", role: "member" })).json, {
    changed: true,
  });
  await post(`${family}/quit`, { user: "f-gus" });
  await post(`${family}/remove`, { user: "f-bob" });
  const expected = ["family.invited", "family.joined", "family.joined", "family.quit"];
  assert.deepEqual(await toldEvents("f-bob"), [...expected, "family.removed"]);
  const ofGus = ["family.invited", "family.joined", "family.quit"];
  assert.deepEqual(await toldEvents("f-gus"), ofGus);
  assert.deepEqual(await toldEvents("f-eve"), ["family.invited", "family.refused"]);
  const quit = (await told("f-ann")).find(({ event }) => event === "family.quit");
  assert.partialDeepStrictEqual(quit, { type: 3, about: "user:f-gus", family: "f-ann" });
});

test("whoever is in a dismissed family is told, and a second time nobody", async () => {
  await post("/v1/families/d-ann/invite", { user: "d-bob", role: "member" });
  await post("/v1/families/d-ann/join", { user: "d-bob" });
  assert.deepEqual((await post("/v1/families/d-ann/dismiss")).json, { changed: true });
  assert.deepEqual((await post("/v1/families/d-ann/dismiss")).json, { changed: false });
  assert.deepEqual((await toldEvents("d-bob")).slice(-1), ["family.dismissed"]);
  assert.equal((await node.call("GET", "/v1/families/d-ann")).status, 404);
});

test("an activated e-mail is announced to its user once per id", async () => {
  const json = { event: "user.email-activated", id: "e-7" };
  assert.deepEqual((await post("/v1/users/m-ann/announce", json)).json, { changed: true });
  assert.deepEqual((await post("/v1/users/m-ann/announce", json)).json, { changed: false });
  await post("/v1/users/m-ann/announce", { event: "user.phone-bound" });
  const events = await told("m-ann");
  assert.partialDeepStrictEqual(events, [
    { event: "user.email-activated", type: 11, about: "user:m-ann" },
    { event: "user.phone-bound", type: 12 },
  ]);
});

test("to kick a user who is not here changes nothing and announces nothing", async () => {
  const reply = await post("/v1/users/k-ann/kick", { reason: "the password was changed" });
  assert.deepEqual(reply.json, { changed: false });
  assert.deepEqual(await told("k-ann"), []);
});

test("the record of a change says whom it was about, as what, and why", async () => {
  await post("/v1/families/w-ann/invite", { user: "w-bob", role: "guest" });
  await post("/v1/families/w-ann/role", { user: "w-bob", role: "member" });
  await post("/v1/users/w-bob/kick", { device: "old phone", reason: "it was lost" });
  await post("/v1/devices/user%3Aw-bob/kick", { why: "it was found" });
  assert.deepEqual((await audit()).slice(0, 4), [
    "device.kick user:w-bob: it was found ok",
    "user.kick w-bob old phone: it was lost ok",
    "family.role w-ann w-bob member ok",
    "family.invite w-ann w-bob guest ok",
  ]);
});

test("a board's secret is shown to an admin, rotated, and each look is recorded", async () => {
  const { secretVersion: version } = (await node.call("PUT", "/v1/boards/s-1", { json: {} })).json;
  const path = "/v1/boards/s-1/secret";
  const denied = await node.call("GET", path, { token: node.tokens.operator });
  assert.equal(denied.status, 403);
  const shown = await node.call("GET", path);
  const fields = { id: "s-1", device: "board", version };
  assert.deepEqual(shown.json, { ...fields, secret: secretOf("s-1", version) });
  const rotated = await post("/v1/boards/s-1/rotate-secret");
  assert.partialDeepStrictEqual(rotated.json, { secretVersion: version + 1, changed: true });
  const other = await node.call("GET", `${path}?device=sensor`);
  assert.equal(other.json.secret, secretOf("s-1", version + 1, "sensor"));
  assert.deepEqual((await audit()).slice(0, 4), [
    "board.secret s-1 sensor ok",
    "board.rotate-secret s-1 ok",
    "board.secret s-1 board ok",
    "board.secret s-1 auth.forbidden",
  ]);
});

test("a board's token names the board and its topics, and comes with its UDP secret", async () => {
  const { secretVersion } = (await node.call("PUT", "/v1/boards/t-1", { json: {} })).json;
  const json = { kind: "board", board: "t-1", device: "board", ttlMs: 60_000, publish: ["t.*"] };
  const made = await post("/v1/tokens", json);
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.udpSecret, secretOf("t-1", secretVersion));
  const claims = JSON.parse(Buffer.from(made.json.token.split(".")[1], "base64url").toString());
  assert.partialDeepStrictEqual(claims, {
    sub: "t-1",
    kind: "board",
    dev: "board",
    secretVersion,
    topics: { sub: [], pub: ["t.*"] },
  });
  const unknown = await post("/v1/tokens", { ...json, board: "t-9" });
  assert.equal(unknown.json.error.code, "board.unknown");
});

test("a phone's token has the UDP secret of the device it names, which is not kept", async () => {
  const key = { "idempotency-key": "phone-1" };
  const json = { kind: "device", user: "t-ann", device: "phone", ttlMs: 60_000 };
  const made = await node.call("POST", "/v1/tokens", { json, headers: key });
  const owner = { principal: "t-ann", device: "phone", version: 1 };
  assert.equal(made.json.udpSecret, writeSecret(deviceSecret(DEVICES_SECRET, owner)));
  const again = await node.call("POST", "/v1/tokens", { json, headers: key });
  assert.partialDeepStrictEqual(again.json, { token: null, udpSecret: null });
  const { device: _, ...anyDevice } = json;
  assert.equal("udpSecret" in (await post("/v1/tokens", anyDevice)).json, false);
});

test("who looks may not change, and no user is called as a board is", async () => {
  const json = { user: "v-ann" };
  const viewer = { json, token: node.tokens.viewer };
  assert.equal((await node.call("POST", "/v1/boards/v-1/bind", viewer)).status, 403);
  const asBoard = await post("/v1/tokens", { kind: "device", user: "board:v-1", ttlMs: 60_000 });
  assert.equal(asBoard.json.error.code, "http.invalid");
});
