import { expect, onTestFinished, test } from "vitest";
import { PageDevice } from "../gateways/websocket/page-client.ts";
import { Device } from "./device.ts";
import { startNode } from "./herald.ts";
import { Relay } from "./relay.ts";

const HEARTBEAT_MS = 5_000;
/** What docs/protocol.md promises beyond the heartbeat. */
const WITHIN_MS = 5_000;

test("a half-open connection is found in time, told once, and resumed with all", async () => {
  const node = await startNode([], {
    env: { HERALD_WEBSOCKET_HEARTBEAT_MS: String(HEARTBEAT_MS) },
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await node.call(method, path, node.places.adminToken, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as Record<string, unknown>;
  };
  const push = (n: number) =>
    call("POST", "/v1/push", { to: ["board:lamp"], topic: "do", payload: { n } });
  const tokenOf = async (who: object) =>
    (await call("POST", "/v1/tokens", { ttlMs: 600_000, ...who }))["token"] as string;
  await call("PUT", "/v1/boards/lamp", { name: "Lamp" });
  await call("POST", "/v1/boards/lamp/bind", { user: "ann" });

  const relay = await Relay.start(node.url);
  onTestFinished(() => relay.close());
  // This one is as silent, but answers pings.
  const ann = await Device.login(
    node.places.websocket,
    await tokenOf({ kind: "device", user: "ann" }),
  );
  const events = () =>
    ann.pushes
      .flatMap(({ payload }) => (payload as { event?: string }).event ?? [])
      .filter((event) => event.startsWith("device."));
  const credential = await tokenOf({ kind: "board", board: "lamp" });
  const lamp = new PageDevice({ port: Number(new URL(relay.url).port), credential });
  const { session } = await lamp.connect();
  await push(1);
  // The first one tells that it is bound.
  await lamp.pushes(2);
  lamp.handle();
  await lamp.connection.ping();

  relay.silence();
  const begun = performance.now();
  // It goes to a connection that seems to be there.
  await push(2);
  while (!events().includes("device.offline")) await ann.next(({ type }) => type === "push");
  expect(performance.now() - begun).toBeLessThan(HEARTBEAT_MS + WITHIN_MS);
  await push(3);
  expect(lamp.connection.raw.isClosed).toBe(false);

  const again = new PageDevice({ port: Number(new URL(node.url).port), credential });
  Object.assign(again, { resume: lamp.resume, handledUpTo: lamp.handledUpTo });
  expect(await again.connect()).toMatchObject({ session, recovered: true, head: 4 });
  expect(await again.pushes(2)).toMatchObject([
    { payload: { n: 2 }, redelivered: true },
    { payload: { n: 3 } },
  ]);
  again.handle();
  await again.connection.ping();
  await ann.ping();
  expect(events()).toEqual(["device.online", "device.offline", "device.online"]);
  const why = JSON.stringify(await call("GET", "/v1/devices/board:lamp/why"));
  expect(why).toContain("heartbeat-lost, close code 4104");
  const { text } = await node.call("GET", "/metrics");
  expect(text).toContain('herald_ws_closes_total{reason="heartbeat-lost"} 1');

  again.drop();
  ann.close();
  await node.end("SIGTERM");
});
