import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { type NodeProcess, startNode, temporaryFolder } from "./herald.ts";

/** A node in a folder that outlives it, and what is done to it. */
async function start(cwd = temporaryFolder(), knownToken?: string) {
  const node = await startNode([], { cwd });
  const token = knownToken ?? node.places.adminToken!;
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await node.call(method, path, token, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as Record<string, unknown>;
  };
  const post = (path: string, body: unknown = {}) => call("POST", path, body);
  const login = async (who: object): Promise<Device> => {
    const made = await post("/v1/tokens", { ttlMs: 60_000, ...who });
    return Device.login(node.places.websocket, made["token"] as string);
  };
  return {
    ...{ node, token, cwd, call, post },
    phone: (user: string) => login({ kind: "device", user }),
    board: (board: string) => login({ kind: "board", board }),
  };
}

/** The next status event of this name, or the one that came already. */
async function told(device: Device, event: string): Promise<Record<string, unknown>> {
  const isIt = (payload: unknown) => (payload as { event?: string }).event === event;
  const found = device.pushes.find(({ payload }) => isIt(payload))?.payload;
  const payload =
    found ?? (await device.next((it) => it.type === "push" && isIt(it["payload"])))["payload"];
  return payload as Record<string, unknown>;
}

test("Bind/unbind live update: phone and board reach each other at once", async () => {
  const { node, call, post, phone, board } = await start();
  await call("PUT", "/v1/boards/lamp", { name: "Lamp" });
  const [ann, lamp] = [await phone("ann"), await board("lamp")];
  const on = { type: "send", to: "board:lamp", payload: "on" };
  expect(await ann.ask(on)).toMatchObject({ type: "error", code: "route.forbidden" });

  expect(await post("/v1/boards/lamp/bind", { user: "ann" })).toEqual({ changed: true });
  const heard = lamp.next(({ type }) => type === "message");
  expect(await ann.ask(on)).toMatchObject({ type: "sent", reached: 1 });
  expect(await heard).toMatchObject({ from: "user:ann", payload: "on" });
  expect(await told(ann, "board.bound")).toMatchObject({ type: 7, board: "lamp", user: "ann" });
  expect(await told(lamp, "board.bound")).toMatchObject({ about: "board:lamp" });

  expect(await post("/v1/boards/lamp/unbind")).toEqual({ changed: true });
  expect(await ann.ask(on)).toMatchObject({ type: "error", code: "route.forbidden" });
  const back = { type: "send", to: "phones", payload: "lit" };
  expect(await lamp.ask(back)).toMatchObject({ type: "error" });
  expect(await told(ann, "board.unbound")).toMatchObject({ type: 8, board: "lamp" });
  expect(await told(lamp, "board.unbound")).toMatchObject({ type: 8 });
  for (const device of [ann, lamp]) device.close();
  await node.end("SIGTERM");
});

test("Routing phone↔board, broadcast, family sharing: a family shares its boards", async () => {
  const { node, call, post, phone, board } = await start();
  for (const [id, user] of Object.entries({ lamp: "ann", door: "bob" })) {
    await call("PUT", `/v1/boards/${id}`, {});
    await post(`/v1/boards/${id}/bind`, { user });
  }
  const [ann, bob, gus] = [await phone("ann"), await phone("bob"), await phone("gus")];
  const [lamp, door] = [await board("lamp"), await board("door")];
  const to = (address: string) => ({ type: "send", to: address, payload: 1 });
  expect(await bob.ask(to("board:lamp"))).toMatchObject({ code: "route.forbidden" });

  for (const [user, role] of Object.entries({ bob: "member", gus: "guest" })) {
    await post("/v1/families/ann/invite", { user, role });
    await post("/v1/families/ann/join", { user });
  }
  expect(await bob.ask(to("boards"))).toMatchObject({ type: "sent", reached: 2 });
  expect(await ann.ask(to("board:door"))).toMatchObject({ type: "sent", reached: 1 });
  expect(await lamp.ask(to("phones"))).toMatchObject({ type: "sent", reached: 3 });
  expect(await door.ask(to("user:gus"))).toMatchObject({ type: "sent", reached: 1 });
  // A guest sees what boards send, and commands nothing.
  expect(await gus.ask(to("board:lamp"))).toMatchObject({ code: "route.forbidden" });
  expect(await gus.ask(to("user:ann"))).toMatchObject({ type: "sent", reached: 1 });

  await post("/v1/families/ann/role", { user: "gus", role: "member" });
  expect(await gus.ask(to("board:lamp"))).toMatchObject({ type: "sent", reached: 1 });
  await post("/v1/families/ann/quit", { user: "bob" });
  expect(await bob.ask(to("board:lamp"))).toMatchObject({ code: "route.forbidden" });
  expect(await bob.ask(to("board:door"))).toMatchObject({ type: "sent", reached: 1 });
  expect(await told(gus, "family.quit")).toMatchObject({ about: "user:bob", family: "ann" });
  await post("/v1/families/ann/dismiss");
  expect(await lamp.ask(to("phones"))).toMatchObject({ type: "sent", reached: 1 });
  expect(await told(gus, "family.dismissed")).toMatchObject({ type: 4, family: "ann" });
  for (const device of [ann, bob, gus, lamp, door]) device.close();
  await node.end("SIGTERM");
});

test("a kill -9 loses no answered change, and tells each that was made exactly once", async () => {
  const first = await start();
  const boards = Array.from({ length: 300 }, (_, n) => `b-${n}`);
  for (const board of boards) await first.call("PUT", `/v1/boards/${board}`, {});
  const answered = new Set<string>();
  const bind = async (board: string): Promise<void> => {
    const reply = await first.node
      .call("POST", `/v1/boards/${board}/bind`, first.token, { user: "ann" })
      .catch(() => undefined);
    if (reply?.status === 200) answered.add(board);
    if (answered.size === 60) first.node.child.kill("SIGKILL");
  };
  await Promise.all(boards.map(bind));
  await first.node.end("SIGKILL");
  expect(answered.size).toBeGreaterThanOrEqual(60);

  const { node, call, phone } = await start(first.cwd, first.token);
  const shown = await call("GET", "/v1/users/ann/relations");
  const bound = (shown["boards"] as { board: string }[]).map(({ board }) => board);
  for (const board of answered) expect(bound).toContain(board);
  const ann = await phone("ann");
  for (const board of bound) {
    const isIt = (payload: unknown) => (payload as { board?: string }).board === board;
    if (ann.pushes.some(({ payload }) => isIt(payload))) continue;
    await ann.next((it) => it.type === "push" && isIt(it["payload"]));
  }
  await ann.ping();
  const named = ann.pushes.map(({ payload }) => (payload as { board: string }).board);
  expect(named.sort()).toEqual(bound.sort());
  ann.close();
  await node.end("SIGTERM");
});

test("who was away is told of status events when coming again, and only once", async () => {
  const { node, post, phone } = await start();
  await post("/v1/families/ann/invite", { user: "bob", role: "member" });
  await post("/v1/users/bob/announce", { event: "user.phone-bound" });
  const bob = await phone("bob");
  expect(await told(bob, "family.invited")).toMatchObject({ type: 5, role: "member" });
  expect(await told(bob, "user.phone-bound")).toMatchObject({ type: 12, about: "user:bob" });
  await bob.ping();
  bob.close();
  await bob.closed;
  const again = await phone("bob");
  await again.ping();
  expect(again.pushes).toEqual([]);
  again.close();
  await node.end("SIGTERM");
});

test("a changed password ends a user's sessions, after telling them why", async () => {
  const { node, post, phone } = await start();
  const ann = await phone("ann");
  const answer = await post("/v1/users/ann/kick", { reason: "the password was changed" });
  expect(answer).toEqual({ changed: true });
  await ann.closed;
  const [push] = ann.pushes;
  expect(push?.payload).toMatchObject({
    ...{ event: "user.kicked", type: 13, about: "user:ann" },
    reason: "the password was changed",
  });
  await node.end("SIGTERM");
});

test("when a principal was last connected is shown, and survives a restart", async () => {
  const first = await start();
  await first.call("PUT", "/v1/boards/lamp", {});
  expect(await first.call("GET", "/v1/boards/lamp")).not.toHaveProperty("lastSeen");
  const before = Date.now();
  const lamp = await first.board("lamp");
  await lamp.ping();
  lamp.close();
  await lamp.closed;
  await first.node.end("SIGTERM");
  const second: { readonly node: NodeProcess; readonly call: typeof first.call } = await start(
    first.cwd,
    first.token,
  );
  const shown = await second.call("GET", "/v1/boards/lamp");
  expect(shown["lastSeen"]).toBeGreaterThanOrEqual(before);
  await second.node.end("SIGTERM");
});
