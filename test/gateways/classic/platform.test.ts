/** Classic devices, and the service of the user's own that decides about devices. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import {
  type Behavior,
  SECRET as SERVICE_SECRET,
  startSink,
} from "../../providers/webhook/sink.ts";
import { startWholeNode } from "../http/whole-node.ts";
import { SECRET } from "./bytes.ts";
import { ClassicBoard, HTTP, OK, SERVER } from "./datagrams.ts";
import { ClassicSocket } from "./socket.ts";

async function start(behavior: Behavior) {
  const service = await startSink(behavior);
  const udpPort = await freeUdpPort();
  const node = await startWholeNode({
    platform: { url: `http://127.0.0.1:${service.port}/herald`, secrets: [SERVICE_SECRET] },
    classic: { enabled: true, secret: SECRET, udpEnabled: true, udpPort, registers: true },
  });
  onTestFinished(() => node.stop());
  const board = new ClassicBoard(udpPort, 7);
  onTestFinished(() => board.close());
  return {
    ...{ node, board },
    open: () => ClassicSocket.open(Number(new URL(node.url).port)),
    questions: () => service.requests.map(({ path }) => path.replace("/herald/", "")),
  };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
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
  const { board, node } = await start(({ path }, answer) =>
    path.endsWith("rename") ? answer.json(500, {}) : answer.json(200, { allow: true }),
  );
  await board.connect("Lampe");
  expect((await board.rename("Kitchen")).code).toBe(HTTP);
  expect(await node.call("GET", `/v1/boards/${-board.id}`)).toMatchObject({ name: "Lampe" });
});
