import { expect, test } from "vitest";
import { udpNetwork } from "../../../clients/udp/src/network.ts";
import { type Registered, registerBoard } from "../../../clients/udp/src/register.ts";
import type { Behavior } from "../../providers/webhook/sink.ts";
import { freeUdpPort } from "../../testkit/free-udp-port.ts";
import { connectUdp } from "../../testkit/udp.ts";
import { startPlatformNode } from "./platform-node.ts";

const FACTORY = { id: "factory", secret: Buffer.alloc(32, 7) };
const LAMP = { mac: "02:00:00:00:00:01", serial: "sn-1", model: "lamp-2" };

/** A whole node with UDP, and the service of its user that decides about devices. */
async function start(behavior: Behavior) {
  const port = await freeUdpPort();
  const { id } = FACTORY;
  const node = await startPlatformNode(behavior, {
    udp: {
      ...{ enabled: true, port },
      provisioning: [{ id, secret: FACTORY.secret.toString("base64url") }],
    },
  });
  const network = udpNetwork("127.0.0.1", port);
  const connect = ({ board, secret }: Registered) =>
    connectUdp(port, {
      key: { type: "device", principal: `board:${board}`, device: "board" },
      secret: Buffer.from(secret, "base64url"),
    });
  const register = () => registerBoard({ network, ...FACTORY, board: LAMP });
  return { ...node, connect, register };
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
