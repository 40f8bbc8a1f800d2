/** Weaknesses of the replaced device proxy that no single part has, each shown not to be here. */
import { expect, onTestFinished, test } from "vitest";
import type { Frame } from "../../clients/udp/src/channel-client.ts";
import { parseConfig } from "../../src/core/config.ts";
import { startWholeNode, type WholeNode } from "../gateways/http/whole-node.ts";
import { startUdpNode, udpDevice } from "../gateways/udp/udp-node.ts";
import { frameOf, logIn } from "../gateways/websocket/device.ts";
import { Device } from "../process/device.ts";
import { freeUdpPort } from "../testkit/free-udp-port.ts";
import { connectUdp } from "../testkit/udp.ts";

/** A node that stops with the test. */
async function start(config: Readonly<Record<string, object>> = {}): Promise<WholeNode> {
  const node = await startWholeNode(config);
  onTestFinished(() => node.stop());
  return node;
}

test("weakness 1: states and alarms of a board over UDP reach the back end, from it", async () => {
  const port = await freeUdpPort();
  const { call } = await start({ udp: { enabled: true, host: "127.0.0.1", port } });
  await call("PUT", "/v1/boards/lamp", {});
  const wanted = { kind: "board", board: "lamp", device: "board", ttlMs: 60_000 };
  const made = await call("POST", "/v1/tokens", wanted);
  const lamp = await connectUdp(port, {
    key: { type: "device", principal: "board:lamp", device: "board" },
    secret: Buffer.from(made.udpSecret, "base64url"),
  });
  for (const kind of ["state", "alarm"]) {
    const upload = { type: "upload", kind, payload: { of: kind } };
    expect(await lamp.request(upload)).toMatchObject({ type: "uploaded" });
  }
  const { items } = await call("GET", "/v1/uploads?consumer=crm");
  expect(items).toMatchObject([
    { from: "board:lamp", kind: "state", payload: { of: "state" } },
    { from: "board:lamp", kind: "alarm", payload: { of: "alarm" } },
  ]);
});

test("weakness 4: what many write to one device at once comes whole, frame by frame", async () => {
  const { call, login, mint, websocket } = await start();
  await call("PUT", "/v1/boards/lamp", {});
  await call("POST", "/v1/boards/lamp/bind", { user: "ann" });
  const lamp = await login({ board: "lamp" });
  const got: string[] = [];
  // Device reads each frame as JSON: one that is torn or mixed with another throws.
  lamp.onFrame = ({ type, payload }) => {
    if (type === "message") got.push(String(payload));
  };
  const token = await mint({ user: "ann" });
  const phones = await Promise.all(
    Array.from({ length: 10 }, (_, n) => Device.login(websocket, token, true, `phone-${n}`)),
  );
  const sent: string[] = [];
  await Promise.all(
    phones.flatMap((phone, n) =>
      Array.from({ length: 20 }, (_, round) => {
        const payload = `${n}-${round}:${"x".repeat((n * 7919 + round * 104_729) % 20_000)}`;
        sent.push(payload);
        return phone.ask({ type: "send", to: "board:lamp", payload });
      }),
    ),
  );
  await lamp.ping();
  expect(got.sort()).toEqual(sent.sort());
});

test("weakness 6: no secret is shared: each installation makes or is given its own", async () => {
  const [one, other] = [await start(), await start()];
  const token = await one.mint({ user: "ann" });
  await Device.login(one.websocket, token);
  await expect(Device.login(other.websocket, token)).rejects.toThrow("closed with 4202");
  expect(() => parseConfig({ classic: { enabled: true } }, {})).toThrow("classic.secret");
});

test("weakness 7: all gateways of a node push, and nothing says which one may", async () => {
  const node = await startUdpNode();
  const pushes: Frame[] = [];
  let came = (): void => {};
  const push = new Promise<void>((resolve) => {
    came = resolve;
  });
  await new Promise<void>((resolve) => {
    udpDevice(node, "ann", {
      onState: (state) => state === "connected" && resolve(),
      onPush(frame) {
        pushes.push(frame);
        came();
      },
    });
  });
  const socket = await logIn(node, { user: "ann", device: "phone" });
  await node.push("ann", { n: 1 });
  await push;
  expect(pushes.map(({ payload }) => payload)).toEqual([{ n: 1 }]);
  expect(await frameOf(socket, "push")).toMatchObject({ payload: { n: 1 } });
});
