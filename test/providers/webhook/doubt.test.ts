import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { selfSigned } from "./self-signed.ts";
import { type Behavior, messages, options, providerFor, startSink, takeAll } from "./sink.ts";

async function outcomeOf(behavior: Behavior, timeoutMs = 5_000) {
  const sink = await startSink(behavior);
  const [result] = await providerFor(sink.url, { timeoutMs }).sendBatch(messages(1), options());
  return { ...result!, requests: sink.requests.length };
}

const answering =
  (status: number, headers: Record<string, string> = {}): Behavior =>
  (_, answer) =>
    answer.text(status, "<html>no</html>", headers);

const UNREACHABLE = { status: "throttled", cause: "unreachable" };

describe("what was certainly not sent comes back to be sent again", () => {
  test("when nobody listens", async () => {
    const sink = await startSink();
    await sink.stop();
    const [result] = await providerFor(sink.url).sendBatch(messages(1), options());
    expect(result).toMatchObject({ ...UNREACHABLE, reason: expect.stringContaining("REFUSED") });
  });

  test("when the name cannot be found", async () => {
    const url = "http://nobody.invalid/push";
    const [result] = await providerFor(url).sendBatch(messages(1), options());
    expect(result).toMatchObject({ ...UNREACHABLE, reason: expect.stringMatching(/ENOT|EAI/) });
  });

  test("when no connection is made in time", async () => {
    // It accepts, and never says a word of TLS.
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const sockets: Socket[] = [];
    silent.on("connection", (socket) => sockets.push(socket));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const [result] = await providerFor(url, { timeoutMs: 100 }).sendBatch(messages(1), options());
    expect(result).toMatchObject({ ...UNREACHABLE, reason: "no connection within 100 ms" });
  });

  test("when nobody vouches for the server's certificate", async () => {
    let requests = 0;
    const server = createSecureServer(selfSigned("127.0.0.1"), (_, response) => {
      requests += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const [result] = await providerFor(url).sendBatch(messages(1), options());
    expect(result).toMatchObject({ ...UNREACHABLE, reason: expect.stringMatching(/SELF_SIGNED/) });
    expect(requests).toBe(0);
  });

  test.each([301, 302, 307, 308])("when the server redirects with %i", async (status) => {
    const elsewhere = await startSink();
    const found = await outcomeOf(answering(status, { location: elsewhere.url }));
    expect(found).toMatchObject({ ...UNREACHABLE, reason: expect.stringContaining("redirects") });
    expect(elsewhere.requests).toEqual([]);
  });

  test.each([401, 403, 404, 405, 410, 415, 501])("when it answers %i", async (status) => {
    const found = await outcomeOf(answering(status));
    expect(found).toMatchObject({ ...UNREACHABLE, reason: `HTTP ${status}`, retryAfterMs: 5_000 });
  });
});

describe("a server that takes no more now is left alone as long as it says", () => {
  test.each([
    [429, { "retry-after": "3" }, 3_000],
    [503, { "retry-after": "0" }, 0],
    [429, {}, 1_000],
    [429, { "retry-after": "soon" }, 1_000],
    [503, { "retry-after": "99999999" }, 86_400_000],
    [503, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, 0],
  ])("%i %j", async (status, headers, retryAfterMs) => {
    const found = await outcomeOf(answering(status, headers as Record<string, string>));
    const reason = `HTTP ${status}`;
    expect(found).toEqual({
      status: "throttled",
      cause: "busy",
      reason,
      retryAfterMs,
      requests: 1,
    });
  });

  test("a date is taken as the time until then", async () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    const { retryAfterMs } = await outcomeOf(answering(503, { "retry-after": date }));
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });
});

test.each([400, 413, 422])("what it will never take is refused: %i", async (status) => {
  expect(await outcomeOf(answering(status))).toMatchObject({ status: "refused" });
});

describe("what may have been taken is in doubt, and is not sent again", () => {
  test("when the server is killed in the middle of a request", async () => {
    const found = await outcomeOf((_, answer) => answer.reset());
    expect(found).toMatchObject({ status: "unknown", requests: 1 });
    expect(found.reason).toMatch(/ECONNRESET|hang up/);
  });

  test("when it is killed in the middle of its answer", async () => {
    const found = await outcomeOf((_, { response, reset }) => {
      response.writeHead(200, { "content-length": 1_000 });
      response.write('{"results":[', reset);
    });
    expect(found).toMatchObject({ status: "unknown", requests: 1 });
  });

  test("when it does not answer in time, or only in part", async () => {
    const reason = "no answer within 100 ms";
    const never: Behavior = () => {};
    const slowly: Behavior = (_, { response }) => {
      response.writeHead(200);
      response.write('{"results":[');
    };
    for (const behavior of [never, slowly]) {
      const found = await outcomeOf(behavior, 100);
      expect(found).toEqual({ status: "unknown", reason, requests: 1 });
    }
  });

  test("when the sender is stopped meanwhile", async () => {
    const sink = await startSink(() => {});
    const stop = new AbortController();
    const { signal } = stop;
    const sending = providerFor(sink.url).sendBatch(messages(1), options({ signal }));
    await sink.arrived(1);
    stop.abort();
    expect(await sending).toMatchObject([{ status: "unknown", reason: "the sender was stopped" }]);
  });

  test.each([500, 502, 503, 504, 303, 304, 408, 409, 418, 425])(
    "when it answers %i",
    async (it) => {
      expect(await outcomeOf(answering(it))).toMatchObject({ status: "unknown" });
    },
  );
});

describe("an answer is believed only where it says what became of an item", () => {
  test.each([
    ["", "an empty body"],
    ["ok", "not JSON"],
    ["[]", "a bad body"],
    ['{"results":{}}', "results: expected an array"],
    ['{"results":[]}', "no result for it"],
    ['{"results":[null,1,"x",[],{}]}', "no result for it"],
    ['{"results":[{"id":"c1:1:0/0:0"}]}', "a bad result: status"],
    ['{"results":[{"id":"c1:1:0/0:0","status":"OK"}]}', "a bad result: status"],
    ['{"results":[{"id":"c1:1:0/0:0","status":"handed"}]}', "a bad result: status"],
    ['{"results":[{"id":"c1:1:0/0:0","status":"ok","cost":"0.1"}]}', "a bad result: cost"],
    [
      '{"results":[{"id":"c1:1:0/0:0","status":"ok"},{"id":"c1:1:0/0:0","status":"retry"}]}',
      "two results: ok and retry",
    ],
  ])("%s", async (body, reason) => {
    const found = await outcomeOf((_, answer) => answer.text(200, body));
    expect(found).toMatchObject({ status: "unknown", reason: expect.stringContaining(reason) });
  });

  test("and only of a reasonable length", async () => {
    const found = await outcomeOf((_, answer) => answer.text(200, " ".repeat(100_000)));
    expect(found).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining("more than"),
    });
  });
});

test("a provider goes on after a server was down, and after it was killed", async () => {
  const sink = await startSink((_, answer) => answer.reset());
  const provider = providerFor(sink.url);
  const status = async (n: number) =>
    (await provider.sendBatch(messages(1, n), options()))[0]?.status;
  expect(await status(0)).toBe("unknown");
  sink.behavior = takeAll;
  expect([await status(1), await status(2)]).toEqual(["ok", "ok"]);
});

test("with 1 % of the answers lost, what is said of each item is as the sink has it", async () => {
  let count = 0;
  const lost = new Set<string>();
  const sink = await startSink((arrived, answer) => {
    count += 1;
    if (count % 100 !== 50) return takeAll(arrived, answer);
    for (const { id } of arrived.batch.items) lost.add(id);
    answer.reset();
  });
  const provider = providerFor(sink.url, { maxInFlight: 8 });
  const batches = Array.from({ length: 1_000 }, (_, n) => messages(3, n * 3));
  const results = await Promise.all(batches.map((batch) => provider.sendBatch(batch, options())));
  const unknown = results.flatMap((all, n) =>
    all.flatMap(({ status }, at) => (status === "ok" ? [] : [`${status} ${batches[n]![at]!.id}`])),
  );
  expect(unknown.sort()).toEqual([...lost].map((id) => `unknown ${id}`).sort());
  expect(lost.size).toBe(30);
  const arrived = sink.requests.flatMap(({ batch }) => batch.items.map(({ id }) => id));
  expect(arrived).toHaveLength(3_000);
  expect(new Set(arrived).size).toBe(3_000);
});
