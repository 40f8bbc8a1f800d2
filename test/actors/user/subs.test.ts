import { expect, test } from "vitest";
import type { SubDevice } from "../../../src/actors/user/messages.ts";
import { userKind } from "../../../src/actors/user/messages.ts";
import type { DeviceCommand } from "../../../src/core/device-request.ts";
import type { Result } from "../../../src/core/result.ts";
import { probe } from "../../testkit/kit.ts";
import { routingNode, type Talker } from "../session/routing-node.ts";

/** ann, her board, and one who has nothing to do with them. */
async function start() {
  const node = routingNode();
  node.relations.bind("ann", "hub");
  const [ann, zoe, hub] = await node.talkers("ann", "zoe", "board:hub");
  const before = ann!.statuses().length;
  let ids = 0;
  const command = async (it: DeviceCommand, who = hub!) => {
    ids += 1;
    who.request({ type: "command", id: ids, command: it });
    await node.settle();
    return who.frames().find((frame) => "id" in frame && frame.id === ids);
  };
  const subs = async (): Promise<readonly SubDevice[] | undefined> => {
    const replyTo = probe<Result<readonly SubDevice[]>>();
    node.system.find(userKind, "board:hub")?.send({ type: "list-subs", replyTo });
    await node.settle();
    const [answer] = replyTo.received;
    return answer?.ok ? answer.value : undefined;
  };
  const told = (who: Talker): string[] =>
    who
      .pushes()
      .map(({ push }) => JSON.parse(push.payload) as { event: string; sub?: string })
      .filter(({ sub }) => sub !== undefined)
      .map(({ event, sub }) => `${event} ${sub}`);
  return { ...node, ann: ann!, zoe: zoe!, hub: hub!, before, command, subs, told };
}

test("a sub-device that comes or goes is told once to whoever reaches the board", async () => {
  const { command, told, ann, zoe, hub, subs, clock } = await start();
  expect(await command({ do: "sub-online", sub: "bulb" })).toMatchObject({
    ...{ type: "done", result: { changed: true } },
  });
  expect(await command({ do: "sub-online", sub: "bulb" })).toMatchObject({
    ...{ type: "done", result: { changed: false } },
  });
  expect(await subs()).toEqual([{ sub: "bulb", since: clock.now() }]);
  expect(await command({ do: "sub-offline", sub: "bulb" })).toMatchObject({ type: "done" });
  expect(told(ann)).toEqual(["device.online bulb", "device.offline bulb"]);
  expect(JSON.parse(ann.pushes().at(-1)!.push.payload)).toMatchObject({
    ...{ type: 10, about: "board:hub", board: "hub", sub: "bulb", lastSeen: clock.now() },
  });
  expect([told(zoe), told(hub), await subs()]).toEqual([[], [], []]);
});

test("whoever comes to reach the board learns of those that are online", async () => {
  const { command, told, zoe, relations, settle } = await start();
  await command({ do: "sub-online", sub: "bulb" });
  await command({ do: "sub-online", sub: "plug" });
  await command({ do: "sub-offline", sub: "plug" });
  relations.bind("zoe", "hub", "member");
  await settle();
  expect(told(zoe)).toEqual(["device.online bulb"]);
});

test("a board that is away has nobody behind it; back in time, it has them again", async () => {
  const { command, subs, hub, attach, settle } = await start();
  await command({ do: "sub-online", sub: "bulb" });
  hub.drop();
  await settle();
  expect(await subs()).toEqual([]);
  attach(hub.session);
  await settle();
  expect(await subs()).toMatchObject([{ sub: "bulb" }]);
});

test("a board has only so many sub-devices, and they come and go only so often", async () => {
  const { command, clock } = await start();
  for (let n = 0; n < 256; n += 1) await command({ do: "sub-online", sub: `s${n}` });
  expect(await command({ do: "sub-online", sub: "more" })).toMatchObject({
    ...{ type: "error", code: "relation.refused" },
  });
  for (let n = 0; n < 256; n += 1) await command({ do: "sub-offline", sub: `s${n}` });
  const again = () => command({ do: "sub-online", sub: "s1" });
  expect(await again()).toMatchObject({ code: "protocol.too-fast", retryAfterMs: 10_000 });
  clock.advance(10_000);
  expect(await again()).toMatchObject({ type: "done" });
});

test("a phone has no commands", async () => {
  const { command, ann } = await start();
  expect(await command({ do: "sub-online", sub: "x" }, ann)).toMatchObject({
    ...{ type: "error", code: "auth.forbidden" },
  });
});
