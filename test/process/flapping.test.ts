/** A device that comes and goes too often is banned for a while, and nobody else is. */
import { expect, test } from "vitest";
import { type Frame, PageConnection } from "../gateways/websocket/page-client.ts";
import { PageNode } from "./page-node.ts";

const FLAPS = 5;
const BAN_MS = 1_500;

test("who flaps is banned as long as is told, and others at its address never", async () => {
  const node = await PageNode.start({
    env: {
      HERALD_WEBSOCKET_FLAPS_PER_USER: String(FLAPS),
      HERALD_WEBSOCKET_BAN_MS: String(BAN_MS),
      // Here it is knocked as fast as it is answered.
      HERALD_WEBSOCKET_ADDRESS_CONNECTS_PER_SECOND: "0",
      HERALD_WEBSOCKET_CONNECTS_PER_SECOND: "0",
    },
  });
  const neighbor = await node.login(await node.credential("bob"));
  const credential = await node.credential("ada");
  for (let flap = 0; flap < FLAPS; flap += 1) (await node.login(credential)).drop();

  const begun = performance.now();
  const [error, kick] = await refusal(node, credential);
  expect(error).toMatchObject({ type: "error", code: "gateway.banned", retryAfterMs: BAN_MS });
  expect(error?.["message"]).toBe("ada has logged in too often");
  expect(kick).toMatchObject({
    ...{ type: "kick", code: 4103, reason: "busy", reconnect: true, retryAfterMs: BAN_MS },
  });
  const { items } = (await node.ask("GET", "/v1/bans")) as { items: object[] };
  expect(items).toMatchObject([{ kind: "principal", name: "ada", connects: FLAPS + 1 }]);
  const why = JSON.stringify(await node.ask("GET", "/v1/devices/user:ada/why"));
  expect(why).toContain("gateway.banned");

  // Knocking makes the ban no longer, and each time the time that is left is told.
  const left: number[] = [];
  for (;;) {
    const frames = await refusal(node, credential, `phone-${left.length}`);
    if (frames[0]?.type === "welcome") break;
    left.push(frames[1]!["retryAfterMs"] as number);
  }
  const tookMs = performance.now() - begun;
  expect(left.length).toBeGreaterThan(3);
  expect(left).toEqual(left.toSorted((a, b) => b - a));
  expect(left.at(-1)).toBeLessThan(left[0]!);
  expect(tookMs).toBeGreaterThanOrEqual(BAN_MS - 50);
  expect(tookMs).toBeLessThan(BAN_MS + 3_000);
  expect((await node.ask("GET", "/v1/bans"))["items"]).toEqual([]);

  // Who has waited has all its flaps again; and the neighbor did not notice.
  for (let flap = 1; flap < FLAPS; flap += 1) (await node.login(credential)).drop();
  await neighbor.connection.ping();
  (await node.login(await node.credential("eve"))).drop();
  await node.process.end("SIGTERM");
});

test("a ban of an address is told before the upgrade, and ends in time", async () => {
  const node = await PageNode.start({
    env: {
      HERALD_WEBSOCKET_FLAPS_PER_ADDRESS: "2",
      HERALD_WEBSOCKET_BAN_MS: String(BAN_MS),
      HERALD_WEBSOCKET_ADDRESS_CONNECTS_PER_SECOND: "0",
      HERALD_WEBSOCKET_CONNECTS_PER_SECOND: "0",
    },
  });
  const credential = await node.credential("ada");
  (await node.login(credential)).drop();
  const stays = await node.login(credential);
  const begun = performance.now();
  const refused = await PageConnection.open(node.port).catch(String);
  expect(refused).toContain("429 Too Many Requests");
  expect(refused).toContain("Retry-After: 2");
  expect(refused).toContain(`"retryAfterMs":${BAN_MS}`);
  for (;;) {
    const connection = await PageConnection.open(node.port).catch(() => undefined);
    if (connection !== undefined) break;
  }
  expect(performance.now() - begun).toBeGreaterThanOrEqual(BAN_MS - 50);
  // Whoever was in when the ban came was left alone.
  await stays.connection.ping();
  await node.process.end("SIGTERM");
});

/** What a log-in is told: an error and a kick, or a welcome. */
async function refusal(
  node: PageNode,
  credential: string,
  device = "phone",
): Promise<readonly Frame[]> {
  const connection = await PageConnection.open(node.port);
  connection.send({ type: "hello", credential, device });
  await connection.raw.until(() => connection.of("welcome").length > 0);
  return connection.frames;
}
