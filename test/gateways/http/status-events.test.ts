/** The thirteen status events over real sockets: each once, audited, stored, and not repeated. */
import { expect, onTestFinished, test } from "vitest";
import { STATUS_EVENTS } from "../../../src/core/relations.ts";
import type { Device, Received } from "../../process/device.ts";
import { startWholeNode } from "./whole-node.ts";

const OF_USERS = ["ann", "bob", "eve"];

async function start() {
  const node = await startWholeNode();
  onTestFinished(() => node.stop());
  await node.call("PUT", "/v1/boards/lamp", {});
  const devices: Record<string, Device> = {};
  for (const user of OF_USERS) devices[user] = await node.login({ user });
  const read: Record<string, number> = {};
  /** What each device was told since it was last asked, as `bob board.bound`. */
  const told = async (): Promise<string[]> => {
    await Promise.all(Object.values(devices).map((device) => device.ping()));
    return Object.entries(devices).flatMap(([name, { pushes }]) => {
      const fresh = pushes.slice(read[name] ?? 0) as Received[];
      read[name] = pushes.length;
      return fresh.map(({ payload }) => `${name} ${(payload as { event: string }).event}`);
    });
  };
  /** Makes a change twice; resolves with what was told, and what the audit has of it. */
  const twice = async (path: string, body: object = {}) => {
    const answers = [await node.call("POST", path, body), await node.call("POST", path, body)];
    expect(answers, path).toMatchObject([{ changed: true }, { changed: false }]);
    const { items } = await node.call("GET", "/v1/audit?limit=2");
    const actions = items.map(({ action, outcome }: Record<string, string>) => {
      return `${action} ${outcome}`;
    });
    expect(new Set(actions).size, `audit of ${path}`).toBe(1);
    return told();
  };
  return { ...node, devices, told, twice };
}

const all = (event: string, ...who: string[]) => who.map((name) => `${name} ${event}`);

test("each status event is told once to each concerned, also when asked for twice", async () => {
  const { twice, told, devices, login, call } = await start();
  const seen = new Set<string>();
  const expectTold = (got: readonly string[], ...wanted: readonly string[][]) => {
    expect([...got].sort()).toEqual(wanted.flat().sort());
    for (const line of got) seen.add(line.split(" ")[1]!);
  };
  const family = (what: string, user?: string, role?: string) =>
    twice(`/v1/families/ann/${what}`, { ...(user && { user }), ...(role && { role }) });

  const lamp = await login({ board: "lamp" });
  devices["lamp"] = lamp;
  expectTold(await told());
  const bound = await twice("/v1/boards/lamp/bind", { user: "ann" });
  // Who is new to each other learns that the other is here.
  expectTold(bound, all("board.bound", "ann", "lamp"), all("device.online", "ann", "lamp"));
  expectTold(await family("invite", "bob", "member"), all("family.invited", "ann", "bob"));
  expectTold(await family("refuse", "bob"), all("family.refused", "ann", "bob"));
  expectTold(await family("invite", "bob", "member"), all("family.invited", "ann", "bob"));
  const home = all("device.online", "ann", "bob", "bob", "lamp");
  expectTold(await family("join", "bob"), all("family.joined", "ann", "bob"), home);
  await family("invite", "eve", "guest");
  await family("join", "eve");
  await told();

  const on = { type: "send", to: "board:lamp", payload: "on" };
  expect(await devices["eve"]!.ask(on)).toMatchObject({ code: "route.forbidden" });
  await family("role", "eve", "member");
  expect(await devices["eve"]!.ask(on)).toMatchObject({ type: "sent", reached: 1 });
  expectTold(await family("quit", "eve"), all("family.quit", "ann", "bob", "eve"));
  expect(await devices["eve"]!.ask(on)).toMatchObject({ code: "route.forbidden" });
  const bulb = { type: "command", command: { do: "sub-online", sub: "bulb" } };
  expect([await lamp.ask(bulb), await lamp.ask(bulb)]).toMatchObject([
    { result: { changed: true } },
    { result: { changed: false } },
  ]);
  expectTold(await told(), all("device.online", "ann", "bob"));
  expectTold(await family("remove", "bob"), all("family.removed", "ann", "bob"));
  await family("invite", "bob", "member");
  await family("join", "bob");
  await told();
  expectTold(await family("dismiss"), all("family.dismissed", "ann", "bob"));
  expect(await devices["bob"]!.ask(on)).toMatchObject({ code: "route.forbidden" });

  const offline = devices["ann"]!.next((it) => eventOf(it["payload"]) === "device.offline");
  lamp.close();
  await offline;
  delete devices["lamp"];
  expectTold(await told(), all("device.offline", "ann"));
  expectTold(await twice("/v1/boards/lamp/unbind"), all("board.unbound", "ann"));
  for (const event of ["user.email-activated", "user.phone-bound"]) {
    expectTold(await twice("/v1/users/ann/announce", { event, id: "1" }), all(event, "ann"));
  }
  const ended = devices["ann"]!.closed;
  const kick = { reason: "the password was changed" };
  expect(await call("POST", "/v1/users/ann/kick", kick)).toEqual({ changed: true });
  expect(await ended).toBe(4201);
  const { pushes } = devices["ann"]!;
  delete devices["ann"];
  expect(pushes.map(({ payload }) => eventOf(payload)).filter(isKick)).toHaveLength(1);
  expect(await call("POST", "/v1/users/ann/kick", kick)).toEqual({ changed: false });
  expectTold(await told());
  seen.add("user.kicked");
  expect([...seen].sort()).toEqual(Object.keys(STATUS_EVENTS).sort());
});

function eventOf(payload: unknown): string | undefined {
  return (payload as { event?: string } | undefined)?.event;
}

function isKick(event: string | undefined): boolean {
  return event === "user.kicked";
}
