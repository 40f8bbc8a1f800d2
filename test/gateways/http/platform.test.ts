import { expect, test } from "vitest";
import { parseConfig } from "../../../src/core/config.ts";
import { Device } from "../../process/device.ts";
import { type Behavior, SECRET } from "../../providers/webhook/sink.ts";
import { startPlatformNode } from "./platform-node.ts";

const allow: Behavior = (_, answer) => answer.json(200, { allow: true });

test("a device logs in when the service says so, with what the service grants", async () => {
  const grants = { subscribe: [], publish: ["news"] };
  const { node, questions } = await startPlatformNode((_, answer) =>
    answer.json(200, { allow: true, grants }),
  );
  const ann = await node.login({ user: "ann" });
  expect(await ann.ask({ type: "publish", topic: "news", payload: 1 })).toMatchObject({
    type: "published",
  });
  ann.close();
  for (let n = 0; n < 5; n += 1) (await node.login({ user: "ann" })).close();
  expect(questions()).toEqual(["login"]);
});

test("a device that the service refuses does not come in", async () => {
  const { node } = await startPlatformNode((_, answer) =>
    answer.json(200, { allow: false, reason: "not paid" }),
  );
  const credential = await node.mint({ user: "ann" });
  await expect(Device.login(node.websocket, credential)).rejects.toThrow("closed with");
  const why = await node.call("GET", "/v1/devices/user:ann/why");
  expect(why.answer).toContain("not paid");
  expect(why.answer).not.toContain("..");
});

test("without the service devices stay out, or come in, as it is configured", async () => {
  const dead: Behavior = (_, answer) => answer.reset();
  const closed = await startPlatformNode(dead, { platform: { attemptsMax: 1 } });
  await expect(closed.node.login({ user: "ann" })).rejects.toThrow("closed with");
  closed.service.behavior = allow;
  (await closed.node.login({ user: "ann" })).close();

  const open = await startPlatformNode(dead, { platform: { attemptsMax: 1, whenDown: "admit" } });
  (await open.node.login({ user: "ann" })).close();
});

test("a board's command is done when the service agrees, and only then", async () => {
  const { service, node, questions } = await startPlatformNode(allow, {
    platform: { asksLogins: false },
  });
  await node.call("PUT", "/v1/boards/lamp", { name: "Lamp" });
  const lamp = await node.login({ board: "lamp" });
  const command = (what: object) => lamp.ask({ type: "command", command: what });
  expect(await command({ do: "bind", user: "ann" })).toMatchObject({ type: "done" });
  service.behavior = (_, answer) => answer.json(200, { allow: false, reason: "not yours" });
  expect(await command({ do: "rename", name: "Mine" })).toMatchObject({
    ...{ type: "error", code: "platform.refused", message: "not yours" },
  });
  service.behavior = (_, answer) => answer.json(404, {});
  expect(await command({ do: "unbind" })).toMatchObject({ code: "platform.failed" });
  expect(await node.call("GET", "/v1/boards/lamp")).toMatchObject({ name: "Lamp", owner: "ann" });
  expect(questions()).toEqual(["bind", "rename", "unbind"]);
  lamp.close();
});

test("a service is asked nothing that is not signed, and only over HTTP", () => {
  const parse = (platform: object) => () => parseConfig({ platform }, {});
  expect(parse({ url: "https://devices.example.com/herald" })).toThrow("platform.secrets");
  expect(parse({ url: "ftp://devices.example.com", secrets: [SECRET] })).toThrow("platform.url");
  expect(parse({ secrets: [SECRET] })().platform.url).toBeUndefined();
});
