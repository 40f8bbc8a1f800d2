/** Connections that are old enough end one by one, and what they carried goes on. */
import { expect, test } from "vitest";
import { flagged, type PageDevice } from "../gateways/websocket/page-client.ts";
import { PageNode } from "./page-node.ts";

const LIFETIME_MS = 5_000;
/** Beyond its lifetime a connection lives no longer than this; see docs/protocol.md. */
const WITHIN_MS = 10_000;
const DEVICES = 40;

test("connections that came together end apart, and resume at once with everything", async () => {
  const node = await PageNode.start({
    env: { HERALD_WEBSOCKET_MAX_LIFETIME_MS: String(LIFETIME_MS) },
  });
  const begun = performance.now();
  const devices = await Promise.all(
    Array.from({ length: DEVICES }, async (_, n) => node.login(await node.credential(`u-${n}`))),
  );
  const cameMs = performance.now() - begun;
  for (let n = 0; n < DEVICES; n += 1) await node.push(`u-${n}`, 1);
  const lives = await Promise.all(devices.map((device, n) => liveOn(node, device, `u-${n}`)));

  const ended = lives.map((endedAt) => endedAt - begun);
  expect(Math.min(...ended)).toBeGreaterThan(0.9 * LIFETIME_MS - 50);
  expect(Math.max(...ended)).toBeLessThan(cameMs + LIFETIME_MS + WITHIN_MS);
  // They end at the beats of a second, some at each of several.
  const seconds = Map.groupBy(ended, (ms) => Math.round(ms / 1000));
  expect(seconds.size).toBeGreaterThan(1);
  const most = Math.max(...[...seconds.values()].map(({ length }) => length));
  expect(most).toBeLessThan(DEVICES * 0.8);
  await node.process.end("SIGTERM");
});

/** Sees a device through the end of its connection; resolves with when that was. */
async function liveOn(node: PageNode, device: PageDevice, user: string): Promise<number> {
  const { session } = device.connection.of("welcome")[0]!;
  await device.pushes(1);
  device.handle();
  const { code, kick } = await device.connection.closed();
  const endedAt = performance.now();
  expect(code).toBe(4107);
  expect(kick).toEqual({ type: "kick", code: 4107, reason: "lifetime", reconnect: true });
  await node.push(user, 2);
  expect(await device.connect()).toMatchObject({ session, recovered: true, head: 2 });
  expect(flagged(await device.pushes(1))).toEqual([2]);
  device.handle();
  return endedAt;
}
