import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HeraldClient } from "../../clients/js/src/client.ts";
import type { Push } from "../../clients/js/src/index.ts";
import { collector, reached, type StubConnection, StubServer, synced } from "./stub-server.ts";

let server: StubServer;
beforeEach(async () => {
  server = await StubServer.start();
});
afterEach(() => server.stop());

const offsetOf = ({ offset }: Push): number | undefined => offset;

describe("acks", () => {
  test("what is handled within the delay is acked together, in that order", async () => {
    const { things, full, add } = collector<Push>(3);
    const { clock } = server.client({ onPush: add });
    const connection = await server.accept();
    await connection.login();
    for (const offset of [4, 7, 9]) connection.push(offset);
    await full;
    clock.advance(49);
    expect(connection.unread).toBe(0);
    clock.advance(1);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [4, 7, 9] });
    expect(things.map(offsetOf)).toEqual([4, 7, 9]);
  });

  test("an ack is sent only after the promise of onPush, and one at a time", async () => {
    const started = collector<Push>(2);
    const releases: (() => void)[] = [];
    const { client, clock } = server.client({
      onPush: (push) => {
        started.add(push);
        return new Promise((resolve) => releases.push(resolve));
      },
    });
    const connection = await server.accept();
    await connection.login();
    connection.push(1);
    connection.push(2);
    await synced(client, connection);
    clock.advance(1_000);
    expect(started.things.map(offsetOf)).toEqual([1]);
    releases[0]!();
    await started.full;
    clock.advance(50);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [1] });
    expect(client.counters).toMatchObject({ received: 2, handled: 1 });
  });

  test("more than 500 are spread over several frames", async () => {
    const { full, add } = collector<Push>(501);
    const { clock } = server.client({ onPush: add });
    const connection = await server.accept();
    await connection.login();
    for (let offset = 1; offset <= 501; offset += 1) connection.push(offset);
    await full;
    clock.advance(50);
    const first = await connection.frame();
    expect(first).toMatchObject({ type: "ack" });
    expect("offsets" in first && first.offsets?.length).toBe(500);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [501] });
  });

  test("a server that takes small frames gets them in frames that are small enough", async () => {
    const offsets = Array.from({ length: 200 }, (_, n) => Number.MAX_SAFE_INTEGER - 200 + n);
    const handled = collector<Push>(200);
    const { clock } = server.client({ onPush: handled.add });
    const connection = await server.accept();
    const head = Number.MAX_SAFE_INTEGER;
    await connection.login({ head, limits: { frameBytes: 1_024, framesPerSecond: 500 } });
    for (const offset of offsets) connection.push(offset);
    await handled.full;
    clock.advance(50);
    const acked: number[] = [];
    while (acked.length < 200) {
      const frame = await connection.frame();
      expect(JSON.stringify(frame).length).toBeLessThanOrEqual(1_024);
      if ("offsets" in frame) acked.push(...frame.offsets!);
    }
    expect(acked).toEqual(offsets);
  });

  test("a push that wants none gets none, nor does a volatile one", async () => {
    const { full, add } = collector<Push>(3);
    const { clock } = server.client({ onPush: add });
    const connection = await server.accept();
    await connection.login();
    connection.push(1, { ack: false });
    connection.push(undefined, { ack: false });
    connection.push(2);
    const [, isVolatile] = await full;
    clock.advance(50);
    expect(isVolatile?.offset).toBeUndefined();
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [2] });
  });

  test("in manual mode only push.ack() acks, in any order and once", async () => {
    const { full, add } = collector<Push>(3);
    const { clock } = server.client({ ackMode: "manual", onPush: add });
    const connection = await server.accept();
    await connection.login();
    for (const offset of [1, 2, 3]) connection.push(offset);
    const pushes = await full;
    clock.advance(50);
    pushes[2]!.ack();
    pushes[0]!.ack();
    pushes[0]!.ack();
    clock.advance(50);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [3, 1] });
  });

  test("a frame that was refused for now is sent again after the time asked for", async () => {
    const { full, add } = collector<Push>(1);
    const { client, clock } = server.client({ onPush: add });
    const connection = await server.accept();
    await connection.login();
    connection.push(1);
    await full;
    clock.advance(50);
    await connection.frame();
    const told = Promise.withResolvers<unknown>();
    client.on("error", told.resolve);
    const message = "slow down";
    connection.send({ type: "error", code: "protocol.too-fast", message, retryAfterMs: 900 });
    expect(await told.promise).toMatchObject({ code: "protocol.too-fast", retryAfterMs: 900 });
    clock.advance(899);
    expect(connection.unread).toBe(0);
    clock.advance(1);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [1] });
  });
});

describe("after a reconnect", () => {
  test("acks that could not be sent, or may have been lost, are sent again", async () => {
    const { full, add } = collector<Push>(3);
    const { client, clock } = server.client({ onPush: add });
    const first = await server.accept();
    await first.login();
    first.push(1);
    await synced(client, first);
    clock.advance(50);
    expect(await first.frame()).toEqual({ type: "ack", offsets: [1] });
    await synced(client, first);
    first.push(2);
    await synced(client, first);
    clock.advance(50);
    expect(await first.frame()).toEqual({ type: "ack", offsets: [2] });
    first.push(3);
    await full;
    const second = await again(client, clock, first);
    await second.login();
    // The pong after the first ack showed that it had arrived; nothing showed that of the second.
    expect(await second.frame()).toEqual({ type: "ack", offsets: [2, 3] });
  });

  test("what was handled is not given out again, but acked again", async () => {
    const { things, full, add } = collector<Push>(2);
    const { client, clock } = server.client({ onPush: add });
    const first = await server.accept();
    await first.login();
    first.push(1);
    first.push(2);
    await full;
    clock.advance(50);
    const second = await again(client, clock, first);
    await second.login();
    expect(await second.frame()).toEqual({ type: "ack", offsets: [1, 2] });
    second.push(1, { redelivered: true });
    second.push(2, { redelivered: true });
    await synced(client, second);
    clock.advance(50);
    expect(await second.frame()).toEqual({ type: "ack", offsets: [1, 2] });
    expect(things.map(offsetOf)).toEqual([1, 2]);
    expect(client.counters.repeated).toBe(2);
  });

  test("what is still being handled is neither given out again nor acked early", async () => {
    const release = Promise.withResolvers<void>();
    const { things, full, add } = collector<Push>(2);
    const onPush = (push: Push): Promise<void> => {
      add(push);
      return release.promise;
    };
    const { client, clock } = server.client({ onPush });
    const first = await server.accept();
    await first.login();
    first.push(1);
    first.push(2);
    await synced(client, first);
    const second = await again(client, clock, first);
    expect(await second.login()).toMatchObject({ offset: 0 });
    second.push(1, { redelivered: true });
    second.push(2, { redelivered: true });
    await synced(client, second);
    release.resolve();
    await full;
    await synced(client, second);
    clock.advance(50);
    expect(await second.frame()).toEqual({ type: "ack", offsets: [1, 2] });
    expect(things.map(offsetOf)).toEqual([1, 2]);
  });

  test("what failed is not acked, holds the offset back, and is given out again", async () => {
    const { things, full, add } = collector<Push>(4);
    const errors: string[] = [];
    let failures = 1;
    const { client, clock } = server.client({
      onError: ({ code, message }) => errors.push(`${code}: ${message}`),
      onPush: (push) => {
        add(push);
        if (push.offset === 2 && failures-- > 0) throw new Error("disk full");
      },
    });
    const first = await server.accept();
    await first.login();
    for (const offset of [1, 2, 3]) first.push(offset);
    await synced(client, first);
    clock.advance(50);
    expect(await first.frame()).toEqual({ type: "ack", offsets: [1, 3] });
    expect(errors).toEqual(["client.handler: onPush failed on p_2: disk full"]);
    const second = await again(client, clock, first);
    expect(await second.login()).toMatchObject({ offset: 1 });
    second.push(2, { redelivered: true });
    await full;
    expect(things.map(offsetOf)).toEqual([1, 2, 3, 2]);
    expect(things[3]!.redelivered).toBe(true);
    expect(client.counters).toMatchObject({ failed: 1, handled: 3 });
  });

  test("what failed and is not repeated has been settled, and holds nothing back", async () => {
    const onPush = ({ offset }: Push): void => {
      if (offset === 2) throw new Error("never");
    };
    const { client, clock } = server.client({ onPush });
    const first = await server.accept();
    await first.login();
    first.push(2);
    await synced(client, first);
    const second = await again(client, clock, first);
    expect(await second.login()).toMatchObject({ offset: 1 });
    second.push(5);
    await synced(client, second);
    const third = await again(client, clock, second, 1_000);
    expect(await third.login()).toMatchObject({ offset: 5 });
  });

  test("a gap is told once, with its limits", async () => {
    const gaps: unknown[] = [];
    const { client, clock } = server.client({ onPush: () => {}, onGap: (gap) => gaps.push(gap) });
    const first = await server.accept();
    await first.login();
    first.push(2);
    await synced(client, first);
    const second = await again(client, clock, first);
    await second.login({ recovered: false, gap: { after: 2, upTo: 9 }, head: 12 });
    await synced(client, second);
    expect(client.detail.recovered).toBe(false);
    const third = await again(client, clock, second, 1_000);
    await third.login({ recovered: false, gap: { after: 2, upTo: 9 }, head: 12 });
    await synced(client, third);
    expect(gaps).toEqual([{ after: 2, upTo: 9, reset: false }]);
  });

  test("a server that counts anew is told as a reset, and its pushes are new", async () => {
    const { things, full, add } = collector<Push>(2);
    const gaps: unknown[] = [];
    const { client, clock } = server.client({ onPush: add, onGap: (gap) => gaps.push(gap) });
    const first = await server.accept();
    await first.login();
    first.push(40);
    await synced(client, first);
    clock.advance(50);
    const second = await again(client, clock, first);
    expect(await second.login({ head: 3 })).toMatchObject({ offset: 40 });
    second.push(3);
    await full;
    clock.advance(50);
    expect(await second.frame()).toEqual({ type: "ack", offsets: [3] });
    expect(gaps).toEqual([{ after: -1, upTo: 3, reset: true }]);
    expect(things.map(offsetOf)).toEqual([40, 3]);
  });
});

test("what came before a server began to count anew is not acked by its old number", async () => {
  const release = Promise.withResolvers<void>();
  const { client, clock } = server.client({
    onPush: ({ offset }) => (offset === 40 ? release.promise : undefined),
  });
  const first = await server.accept();
  await first.login();
  first.push(40);
  await synced(client, first);
  const second = await again(client, clock, first);
  await second.login({ head: 3 });
  await client.whenConnected();
  release.resolve();
  second.push(3);
  await synced(client, second);
  clock.advance(50);
  expect(await second.frame()).toEqual({ type: "ack", offsets: [3] });
});

describe("as a loop", () => {
  test("pushes come one by one, and are acked when the next one is asked for", async () => {
    const { client, clock } = server.client();
    const connection = await server.accept();
    await connection.login();
    for (const offset of [1, 2]) connection.push(offset);
    await client.whenConnected();
    const pushes = client.pushes();
    expect((await pushes.next()).value).toMatchObject({ offset: 1 });
    await synced(client, connection);
    clock.advance(50);
    expect(connection.unread).toBe(0);
    expect((await pushes.next()).value).toMatchObject({ offset: 2 });
    clock.advance(50);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [1] });
  });

  test("the push on which the loop is left is acked only if push.ack() was called", async () => {
    const { client, clock } = server.client();
    const connection = await server.accept();
    await connection.login();
    for (const offset of [1, 2, 3]) connection.push(offset);
    for await (const _ of client.pushes()) break;
    for await (const push of client.pushes()) {
      push.ack();
      break;
    }
    clock.advance(50);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [2] });
    expect(client.counters).toMatchObject({ handled: 1, failed: 1 });
  });

  test("it ends when the client is closed, and only one may run", async () => {
    const { client } = server.client();
    const loop = (async () => {
      for await (const _ of client.pushes()) throw new Error("nothing was sent");
      return "ended";
    })();
    expect(() => client.pushes()).toThrow("onPush or another loop receives the pushes");
    await client.close();
    expect(await loop).toBe("ended");
  });
});

describe("when more comes than is handled", () => {
  test("the connection is let go, and taken up again when half of it is done", async () => {
    const releases: (() => void)[] = [];
    const { client, clock } = server.client({
      unhandledMax: 4,
      onPush: () => new Promise((resolve) => releases.push(resolve)),
    });
    const first = await server.accept();
    await first.login();
    for (let offset = 1; offset <= 5; offset += 1) first.push(offset);
    const detail = await reached(client, "waiting");
    expect(detail).toEqual({ reason: "behind", attempts: 1 });
    expect(await first.closed).toBe(4000);
    clock.advance(60_000);
    expect(client.state).toBe("waiting");
    for (let n = 0; n < 2; n += 1) {
      releases[n]!();
      while (releases.length < n + 2) await Promise.resolve();
    }
    clock.advance(500);
    const second = await server.accept();
    expect(await second.login()).toMatchObject({ offset: 2 });
    expect(await second.frame()).toEqual({ type: "ack", offsets: [1, 2] });
  });

  test("volatile pushes are dropped and counted, and the connection stays", async () => {
    const codes: string[] = [];
    const { client } = server.client({
      unhandledMax: 2,
      onPush: () => new Promise(() => {}),
      onError: ({ code }) => codes.push(code),
    });
    const connection = await server.accept();
    await connection.login();
    for (let n = 0; n < 5; n += 1) connection.push(undefined, { ack: false });
    await synced(client, connection);
    expect(client.counters).toMatchObject({ received: 5, dropped: 2 });
    expect(codes).toEqual(["client.behind", "client.behind"]);
    expect(client.state).toBe("connected");
  });
});

test("close waits for the running onPush, acks it, and then says good-bye", async () => {
  const release = Promise.withResolvers<void>();
  const { client } = server.client({ onPush: () => release.promise });
  const connection = await server.accept();
  await connection.login();
  connection.push(1);
  connection.push(2);
  await synced(client, connection);
  const closing = client.close();
  release.resolve();
  expect(await connection.frame()).toEqual({ type: "ack", offsets: [1] });
  await closing;
  expect(await connection.closed).toBe(1000);
  expect(connection.unread).toBe(0);
});

test("a listener that throws is told as an error and disturbs nothing", async () => {
  const codes: string[] = [];
  const { client } = server.client({
    onState: () => {
      throw new Error("mistake");
    },
    onError: ({ code }) => codes.push(code),
  });
  await (await server.accept()).login();
  await client.whenConnected();
  expect(codes).toEqual(["client.listener", "client.listener"]);
});

/** Drops the connection and accepts the next one. */
async function again(
  client: HeraldClient,
  clock: { advance(ms: number): void },
  connection: StubConnection,
  waitMs = 500,
): Promise<StubConnection> {
  connection.drop();
  await reached(client, "waiting");
  clock.advance(waitMs);
  return server.accept();
}
