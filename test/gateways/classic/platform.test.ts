/** Classic devices, and the service of the user's own that decides about devices. */
import { expect, onTestFinished, test } from "vitest";
import type { Behavior } from "../../providers/webhook/sink.ts";
import { freeUdpPort } from "../../testkit/free-udp-port.ts";
import { startPlatformNode } from "../http/platform-node.ts";
import { SECRET } from "./bytes.ts";
import { ClassicBoard, HTTP, OK, SERVER } from "./datagrams.ts";
import { ClassicSocket } from "./socket.ts";

async function start(behavior: Behavior) {
  const udpPort = await freeUdpPort();
  const { node, questions } = await startPlatformNode(behavior, {
    classic: { enabled: true, secret: SECRET, udpEnabled: true, udpPort, registers: true },
  });
  const board = new ClassicBoard(udpPort, 7);
  onTestFinished(() => board.close());
  const open = () => ClassicSocket.open(Number(new URL(node.url).port));
  return { node, board, open, questions };
}

test("the service gives a classic board its number, and is asked about it", async () => {
  const { node, board, questions } = await start(({ path }, answer) =>
    answer.json(200, { allow: true, ...(path.endsWith("register") ? { board: "77" } : {}) }),
  );
  await board.connect("Lampe");
  expect(board.id).toBe(-77n);
  expect((await board.rename("Kitchen")).code).toBe(OK);
  expect(await node.call("GET", "/v1/boards/77")).toMatchObject({ name: "Kitchen" });
  expect(questions()).toEqual(["register", "login", "rename"]);
});

test("a classic device that the service refuses is told so in the old bytes", async () => {
  const { board, open } = await start((_, answer) => answer.json(200, { allow: false }));
  await board.open();
  expect((await board.register("Lampe")).code).toBe(SERVER);
  const phone = await open();
  expect(await phone.login(4096n, { clock: Date.now() })).toEqual([10]);
  expect(await phone.closed).toBe(4202);
});

test("a service that cannot be asked is an error of its own", async () => {
  let isUp = false;
  const { board, node } = await start(({ path }, answer) =>
    path.endsWith("register") || (isUp && path.endsWith("login"))
      ? answer.json(200, { allow: true })
      : answer.json(404, {}),
  );
  await board.open();
  await board.register("Lampe");
  expect((await board.login()).code).toBe(HTTP);
  isUp = true;
  expect((await board.login()).code).toBe(OK);
  expect((await board.rename("Kitchen")).code).toBe(HTTP);
  expect(await node.call("GET", `/v1/boards/${-board.id}`)).toMatchObject({ name: "Lampe" });
});
