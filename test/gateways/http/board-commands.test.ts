import { expect, onTestFinished, test } from "vitest";
import { startWholeNode } from "./whole-node.ts";

type Pushed = Readonly<Record<string, unknown>>;

/** The status event of a push; undefined for other frames. */
const eventOf = ({ payload }: Pushed) => (payload as { event?: string } | undefined)?.event;

test("a board names and binds itself, and tells of the devices behind it", async () => {
  const node = await startWholeNode({ platform: { boardsBind: true } });
  onTestFinished(() => node.stop());
  await node.call("PUT", "/v1/boards/hub", { name: "Hub" });
  const [ann, hub] = [await node.login({ user: "ann" }), await node.login({ board: "hub" })];
  const command = (what: object) => hub.ask({ type: "command", command: what });

  expect(await command({ do: "rename", name: "Hall hub" })).toMatchObject({ type: "done" });
  const bound = ann.next((it) => eventOf(it) === "board.bound");
  expect(await command({ do: "bind", user: "ann" })).toMatchObject({ result: { changed: true } });
  expect((await bound)["payload"]).toMatchObject({ type: 7, board: "hub", user: "ann" });
  const board = await node.call("GET", "/v1/boards/hub");
  expect(board).toMatchObject({ name: "Hall hub", owner: "ann" });
  expect(await command({ do: "bind", user: "bob" })).toMatchObject({ code: "relation.refused" });

  const told = ann.next((it) => (it["payload"] as { sub?: string } | undefined)?.sub === "bulb");
  expect(await command({ do: "sub-online", sub: "bulb" })).toMatchObject({ type: "done" });
  expect((await told)["payload"]).toMatchObject({ event: "device.online", about: "board:hub" });
  const subs = async () => (await node.call("GET", "/v1/boards/hub/subs")).items;
  expect(await subs()).toMatchObject([{ sub: "bulb" }]);
  expect(await node.fail("GET", "/v1/boards/none/subs")).toMatchObject({ code: "board.unknown" });

  expect(await command({ do: "unbind" })).toMatchObject({ result: { changed: true } });
  expect(await hub.ask({ type: "send", to: "user:ann", payload: 1 })).toMatchObject({
    code: "route.forbidden",
  });
  expect(await ann.ask({ type: "command", command: { do: "unbind" } })).toMatchObject({
    code: "auth.forbidden",
  });
  for (const device of [ann, hub]) device.close();
});

test("a board claims no user by itself, and that it tried is recorded", async () => {
  const node = await startWholeNode();
  onTestFinished(() => node.stop());
  await node.call("PUT", "/v1/boards/hub", {});
  const hub = await node.login({ board: "hub" });
  const bind = { type: "command", command: { do: "bind", user: "ann" } };
  expect(await hub.ask(bind)).toMatchObject({
    ...{ type: "error", code: "relation.refused" },
    message: expect.stringContaining("does not choose its owner here"),
  });
  expect((await node.call("GET", "/v1/boards/hub")).users).toEqual([]);
  const [first] = (await node.call("GET", "/v1/audit")).items;
  expect(first).toMatchObject({ by: "board:hub", outcome: "relation.refused" });
  hub.close();
});
