import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { UdpDevice } from "../../../clients/udp/src/device.ts";
import { udpNetwork } from "../../../clients/udp/src/network.ts";
import { type Registered, registerBoard } from "../../../clients/udp/src/register.ts";
import { type Behavior, SECRET, startSink } from "../../providers/webhook/sink.ts";
import { startWholeNode } from "./whole-node.ts";

const FACTORY = { id: "factory", secret: Buffer.alloc(32, 7) };
const LAMP = { mac: "02:00:00:00:00:01", serial: "sn-1", model: "lamp-2" };

/** A whole node with UDP, and the service of its user that decides about devices. */
async function start(behavior: Behavior) {
  const service = await startSink(behavior);
  const port = await freeUdpPort();
  const { id } = FACTORY;
  const node = await startWholeNode({
    platform: { url: `http://127.0.0.1:${service.port}/herald`, secrets: [SECRET] },
    udp: {
      ...{ enabled: true, port },
      provisioning: [{ id, secret: FACTORY.secret.toString("base64url") }],
    },
  });
  onTestFinished(() => node.stop());
  const network = udpNetwork("127.0.0.1", port);
  const connect = ({ board, secret }: Registered): Promise<UdpDevice> =>
    new Promise((resolve, reject) => {
      const device = new UdpDevice({
        key: { type: "device", principal: `board:${board}`, device: "board" },
        ...{ network, secret: Buffer.from(secret, "base64url") },
        onState(state, why) {
          if (state === "connected") resolve(device);
          else if (state === "closed") reject(new Error(why));
        },
      });
      onTestFinished(() => device.drop());
    });
  return {
    ...{ service, node, connect },
    register: () => registerBoard({ network, ...FACTORY, board: LAMP }),
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

test("over UDP the service gives a board its id, and is asked whether it may log in", async () => {
  const { register, connect, questions, node } = await start(({ path }, answer) =>
    answer.json(200, { allow: true, ...(path.endsWith("register") ? { board: "lamp-7" } : {}) }),
  );
  const registered = await register();
  expect(registered.board).toBe("lamp-7");
  expect(await node.call("GET", "/v1/boards/lamp-7")).toMatchObject({ model: "lamp-2" });
  const lamp = await connect(registered);
  expect(await lamp.request({ type: "upload", kind: "state", payload: 1 })).toMatchObject({
    type: "uploaded",
  });
  expect(questions()).toEqual(["register", "login"]);
  lamp.close();
});

test("over UDP a board that the service refuses does not register or come in", async () => {
  const { register, connect, service, node } = await start((_, answer) =>
    answer.json(403, { allow: false, reason: "unknown model" }),
  );
  await expect(register()).rejects.toThrow("platform.refused: unknown model");
  expect((await node.call("GET", "/v1/boards")).items).toEqual([]);
  service.behavior = ({ path }, answer) =>
    answer.json(200, path.endsWith("register") ? { allow: true } : { allow: false });
  await expect(connect(await register())).rejects.toThrow();
});

test("weakness 1: uploads over UDP do not vanish", async () => {
  const { register, connect, node } = await start((_, answer) => answer.json(200, { allow: true }));
  const lamp = await connect(await register());
  for (const kind of ["48", "49"]) {
    await lamp.request({ type: "upload", kind, payload: { kind } });
  }
  const { items } = await node.call("GET", "/v1/uploads?consumer=crm");
  expect(
    items.map(({ kind, payload }: { kind: string; payload: unknown }) => [kind, payload]),
  ).toEqual([
    ["48", { kind: "48" }],
    ["49", { kind: "49" }],
  ]);
  lamp.close();
});
