import { expect, test } from "vitest";
import { flagged, PageDevice } from "../gateways/websocket/page-client.ts";
import { type NodeProcess, startNode, temporaryFolder } from "./herald.ts";

const PUSHES = 40;
const HANDLED = 15;

test.each(["json", "msgpack"] as const)(
  "a %s device written from the page loses nothing to kill -9, and gets nothing acked again",
  async (encoding) => {
    const cwd = temporaryFolder();
    const first = await startNode([], { cwd });
    const admin = first.places.adminToken!;
    const credential = await credentialOf(first, admin);
    const before = new PageDevice({ ...addressOf(first), credential, encoding });
    await before.connect();
    await pushSome(first, admin, 0);
    await before.pushes(PUSHES);
    before.handle(HANDLED);
    await figure(first, `herald_inbox_settlements_total{outcome="acked"} ${HANDLED}`);
    await first.end("SIGKILL");
    expect((await before.connection.closed()).kick).toBe(undefined);

    const second = await startNode([], { cwd });
    await pushSome(second, admin, PUSHES);
    const after = new PageDevice({ ...addressOf(second), credential, encoding });
    after.resume = before.resume;
    after.handledUpTo = before.handledUpTo;
    expect(await after.connect()).toMatchObject({ recovered: true, head: 2 * PUSHES });
    const got = flagged(await after.pushes(2 * PUSHES - HANDLED));
    expect(got.map(Math.abs)).toEqual(range(HANDLED + 1, 2 * PUSHES));
    // The first node may have sent those; a node that starts cannot know, and says so.
    expect(got.slice(0, PUSHES - HANDLED).every((offset) => offset < 0)).toBe(true);
    after.handle();
    await after.connection.ping();

    const ended = second.end("SIGTERM");
    const { code, kick } = await after.connection.closed();
    expect([code, kick!["reason"], kick!["reconnect"]]).toEqual([4100, "draining", true]);
    expect((await ended).status).toBe(0);

    const third = await startNode([], { cwd });
    const last = new PageDevice({ ...addressOf(third), credential, encoding });
    expect(await last.connect()).toMatchObject({ head: 2 * PUSHES });
    expect(await last.pushes(0)).toEqual([]);
    await figure(third, `herald_ledger_messages{outcome="acked"} ${2 * PUSHES}`);
    await figure(third, "herald_ledger_gap 0");
    await third.end("SIGINT");
  },
);

function addressOf(node: NodeProcess): { readonly port: number } {
  return { port: Number(new URL(node.places.websocket).port) };
}

async function credentialOf(node: NodeProcess, admin: string): Promise<string> {
  const wanted = { kind: "device", user: "ada", ttlMs: 600_000 };
  const { body } = await node.call("POST", "/v1/tokens", admin, wanted);
  return (body as { token: string }).token;
}

async function pushSome(node: NodeProcess, admin: string, from: number): Promise<void> {
  for (let n = from; n < from + PUSHES; n += 1) {
    const push = {
      to: ["user:ada"],
      topic: "news",
      payload: { n, text: "Größe 漢 🙂" },
      id: `p-${n}`,
    };
    const { status, text } = await node.call("POST", "/v1/push", admin, push);
    expect(status, text).toBeLessThan(300);
  }
}

/** Asks until a figure of the node's has this value. */
async function figure(node: NodeProcess, line: string): Promise<void> {
  while (!(await node.call("GET", "/metrics")).text.includes(`\n${line}\n`));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}
