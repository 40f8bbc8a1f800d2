/** A node is emptied, or stopped, with devices on it: they are told where and when to go on. */
import { expect, test } from "vitest";
import { flagged, PageConnection, type PageDevice } from "../gateways/websocket/page-client.ts";
import { herald, temporaryFolder } from "./herald.ts";
import { PageNode } from "./page-node.ts";

const ELSEWHERE = "wss://two.example.com/v1/connect";
const DEVICES = 30;
const WITHIN_MS = 2_000;
/** Fewer than an inbox holds. */
const PUSHES_MAX = 500;

test("a node that is emptied sends its devices on over the time, and loses no push", async () => {
  const cwd = temporaryFolder();
  const node = await PageNode.start({ cwd });
  const devices = await loginAll(node);
  const begun = performance.now();
  const ends = devices.map(async ({ connection }) => {
    const { code, kick } = await connection.closed();
    expect(kick).toMatchObject({ code: 4108, reason: "redirect", reconnect: true, url: ELSEWHERE });
    expect(kick!["retryAfterMs"]).toBeGreaterThanOrEqual(0);
    expect(kick!["retryAfterMs"]).toBeLessThanOrEqual(1_000);
    return { code, afterMs: performance.now() - begun };
  });
  const args = ["node", "drain", "--to", ELSEWHERE, "--within", `${WITHIN_MS / 1000}s`];
  const { status, stdout } = await herald(args, { cwd, env: { HERALD_URL: node.process.url } });
  expect([status, stdout]).toEqual([0, `${DEVICES} connections are sent away\n`]);
  expect((await node.process.call("GET", "/readyz")).status).toBe(503);
  let pushed = 0;
  const gone = Promise.all(ends);
  let isGone = false;
  gone.then(() => (isGone = true));
  while (!isGone && pushed < PUSHES_MAX) await pushAll(node, ++pushed);
  const left = await gone;
  expect(new Set(left.map(({ code }) => code))).toEqual(new Set([4108]));
  const afterMs = left.map(({ afterMs }) => afterMs).sort((a, b) => a - b);
  // Evenly: in the middle of the time about half of them are still there.
  expect(afterMs[Math.floor(DEVICES * 0.9)]! - afterMs[Math.floor(DEVICES * 0.1)]!).toBeGreaterThan(
    WITHIN_MS / 2,
  );

  const late = await PageConnection.open(node.port);
  expect((await late.closed()).kick).toMatchObject({ reason: "redirect", url: ELSEWHERE });
  await pushAll(node, ++pushed);
  await node.ask("DELETE", "/v1/node/drain");
  await Promise.all(devices.map((device) => device.connect()));
  for (const device of devices) await hasAll(device, pushed);
  await node.process.end("SIGTERM");
});

test("a node that is told to stop ends in time, and its next start has every push", async () => {
  const cwd = temporaryFolder();
  const deadlineMs = 5_000;
  const env = { HERALD_SHUTDOWN_DEADLINE_MS: String(deadlineMs) };
  const node = await PageNode.start({ cwd, env });
  const devices = await loginAll(node);
  // One does not read what it is sent, and does not answer the end.
  const deaf = await node.login(await node.credential("deaf"));
  deaf.connection.raw.socket.pause();
  await pushAll(node, 1);
  await devices[0]!.pushes(1);
  const taken = new Map<string, number>();
  const pushing = devices.map(async (_, n) => {
    try {
      for (let count = 1; ; count += 1) {
        taken.set(`u-${n}`, count);
        await node.push(`u-${n}`, count + 1);
      }
    } catch {
      // It has stopped.
    }
  });
  while (Math.min(...devices.map((_, n) => taken.get(`u-${n}`) ?? 0)) < 3) {
    await node.process.call("GET", "/healthz");
  }
  const begun = performance.now();
  const ended = node.process.end("SIGTERM");
  for (const { connection } of devices) {
    const { code, kick } = await connection.closed();
    expect([code, kick]).toMatchObject([4100, { reason: "draining", reconnect: true }]);
    expect(kick!["retryAfterMs"]).toBeLessThan(3_000);
  }
  const { status, signal } = await ended;
  expect(performance.now() - begun).toBeLessThan(deadlineMs);
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  await Promise.all(pushing);
  deaf.drop();

  const next = await node.again({ cwd, env });
  for (const [n, before] of devices.entries()) {
    const device = next.device(await next.credential(`u-${n}`));
    Object.assign(device, { resume: before.resume });
    const { head } = await device.connect();
    // The last one was not answered: it may have been taken, or not.
    expect(head).toBeGreaterThanOrEqual(taken.get(`u-${n}`)!);
    expect(head).toBeLessThanOrEqual(taken.get(`u-${n}`)! + 1);
    const offsets = flagged(await device.pushes(head as number)).map(Math.abs);
    expect(offsets).toEqual(Array.from({ length: head as number }, (_, at) => at + 1));
  }
  await next.process.end("SIGTERM");
});

function loginAll(node: PageNode): Promise<PageDevice[]> {
  return Promise.all(
    Array.from({ length: DEVICES }, async (_, n) => node.login(await node.credential(`u-${n}`))),
  );
}

async function pushAll(node: PageNode, n: number): Promise<void> {
  const to = Array.from({ length: DEVICES }, (_, user) => `user:u-${user}`);
  await node.ask("POST", "/v1/push", { to, topic: "news", payload: { n } });
}

/** Nothing was acked: all of it comes, in order, on the connection that there is. */
async function hasAll(device: PageDevice, count: number): Promise<void> {
  const pushes = await device.pushes(count);
  expect(pushes.map(({ payload }) => (payload as { n: number }).n)).toEqual(
    Array.from({ length: count }, (_, n) => n + 1),
  );
}
