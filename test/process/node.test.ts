import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Device } from "./device.ts";
import {
  type Answer,
  herald,
  type NodeProcess,
  ROOT,
  startNode,
  temporaryFolder,
} from "./herald.ts";
import { RawSocket } from "./raw-socket.ts";

const DEADLINE_MS = 10_000;
const DRAINING = 4100;

interface Named {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

describe("a node", () => {
  test("says at its first start where things are and prints the token; never again", async () => {
    const cwd = temporaryFolder();
    const first = await startNode([], { cwd });
    expect(first.places.data).toBe(join(cwd, "data"));
    expect(first.places.adminToken).toMatch(/^hat_/);
    const file = join(cwd, "data", "admin-token");
    expect(readFileSync(file, "utf8").trim()).toBe(first.places.adminToken);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await first.end("SIGINT")).status).toBe(0);

    const second = await startNode([], { cwd });
    expect(second.places.adminToken).toBeUndefined();
    const { status } = await second.call("GET", "/v1/audiences", first.places.adminToken);
    expect(status).toBe(200);
    expect((await second.end("SIGTERM")).status).toBe(0);
  });

  test("keeps what it knows from everybody else on the machine", async () => {
    const cwd = temporaryFolder();
    const data = join(cwd, "data");
    mkdirSync(data, { mode: 0o755 });
    const node = await startNode([], { cwd });
    const files = readdirSync(data);
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(statSync(join(data, file)).mode & 0o077, file).toBe(0);
    await node.end("SIGINT");
  });

  test("serves and stops as ever when the disk with its log is full", async () => {
    const launcher = join(temporaryFolder(), "herald-without-log");
    const command = join(ROOT, "herald");
    writeFileSync(launcher, `#!/bin/sh\nexec "${command}" "$@" 2>/dev/full\n`, { mode: 0o755 });
    const node = await startNode([], { launcher, env: { HERALD_LOG_LEVEL: "debug" } });
    const push = { to: ["user:ann"], topic: "t", payload: 1 };
    const { status } = await node.call("POST", "/v1/push", node.places.adminToken, push);
    expect(status).toBe(200);
    expect((await node.end("SIGTERM")).status).toBe(0);
  });

  test("answers who asks whether it lives, whether it is ready, and for its figures", async () => {
    const node = await startNode([]);
    expect((await node.call("GET", "/healthz")).status).toBe(200);
    expect((await node.call("GET", "/readyz")).status).toBe(200);
    const { status, text } = await node.call("GET", "/metrics");
    expect(status).toBe(200);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).toMatch(/^# HELP herald_/m);
    await node.end("SIGINT");
  });

  test("tells its devices to reconnect when it is stopped, and exits with 0 in time", async () => {
    const node = await startNode([]);
    const devices = await Promise.all(
      Array.from({ length: 50 }, (_, n) => deviceOf(node, `u-${n}`)),
    );
    const begun = performance.now();
    const { status, signal, stderr } = await node.end("SIGINT");
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(DEADLINE_MS);
    expect(stderr).toContain("Draining");
    const codes = await Promise.all(devices.map(({ closed }) => closed));
    expect(new Set(codes)).toEqual(new Set([DRAINING]));
  });

  test("waits for a client that never finishes no longer than the deadline", async () => {
    const node = await startNode([], { env: { HERALD_SHUTDOWN_DEADLINE_MS: "600" } });
    const client = await unfinished(node);
    const { status } = await node.end("SIGTERM");
    await client.closed;
    expect(status).toBe(0);
  });

  test("ends at once on a second signal", async () => {
    const node = await startNode([], { env: { HERALD_SHUTDOWN_DEADLINE_MS: "600000" } });
    const client = await unfinished(node);
    node.child.kill("SIGINT");
    await until(() => node.call("GET", "/readyz").then(isUnavailable, () => true));
    const { status } = await node.end("SIGINT");
    await client.closed;
    expect(status).toBe(130);
  });

  test("stops in the middle of a campaign, and goes on with it at the next start", async () => {
    const cwd = temporaryFolder();
    const first = await startNode([], { cwd });
    const token = first.places.adminToken!;
    const campaign = await campaignOf(first, { size: 2_000, rate: 400 });
    await first.call("POST", `/v1/campaigns/${campaign}/start`, token, {});
    await until(async () => (await progressOf(first, campaign, token)).sent > 100);
    expect((await first.end("SIGTERM")).status).toBe(0);

    const second = await startNode([], { cwd });
    await until(async () => (await progressOf(second, campaign, token)).state === "finished");
    const progress = await progressOf(second, campaign, token);
    expect(progress).toMatchObject({ sent: 2_000, ledgerGap: 0 });
    expect(progress.ledger).toMatchObject({ accepted: 2_000, unknown: 0 });
    await second.end("SIGINT");
  });

  test("finds its audience, its campaign and an inbox again after a stop", async () => {
    await survives("SIGINT");
  });

  test("finds its audience, its campaign and an inbox again after kill -9", async () => {
    await survives("SIGKILL");
  });
});

describe("a start that cannot be", () => {
  test("a second node on the same data folder is refused with what to do", async () => {
    const cwd = temporaryFolder();
    const node = await startNode([], { cwd });
    const second = await herald(["start", "--port", "0"], { cwd });
    expect(second.status).toBe(1);
    expect(second.stderr).toContain("store.locked");
    expect(second.stderr).toContain("stop it or use another");
    expect((await node.call("GET", "/readyz")).status).toBe(200);
    await node.end("SIGINT");
  });

  test("a port that is taken is named, and nothing stays behind", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const cwd = temporaryFolder();
    const { status, stdout, stderr } = await herald(["start", "--port", `${port}`], { cwd });
    server.close();
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(String(port));
    expect(stderr).not.toContain("    at ");
    // The token of a start that failed would be lost, so the next start makes one.
    const node = await startNode([], { cwd });
    expect(node.places.adminToken).toMatch(/^hat_/);
    await node.end("SIGINT");
  });

  test("a store that is not one is refused and left as it was", async () => {
    const cwd = temporaryFolder();
    const node = await startNode([], { cwd });
    expect((await node.end("SIGINT")).status).toBe(0);
    const data = join(cwd, "data");
    const name = readdirSync(data).find((file) => /\.(db|sqlite3?)$/.test(file))!;
    writeFileSync(join(data, name), "this is not a database, but it is longer than a header\n");
    const { status, stderr } = await herald(["start", "--port", "0"], { cwd });
    expect(status).toBe(1);
    expect(stderr).toContain("store.unavailable");
    expect(readFileSync(join(data, name), "utf8")).toContain("this is not a database");
  });

  test("a data folder that is a file is named", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "data"), "");
    const { status, stderr } = await herald(["start", "--port", "0"], { cwd });
    expect(status).toBe(1);
    expect(stderr).toContain("store.unavailable");
    expect(stderr).toContain(join(cwd, "data"));
  });
});

async function survives(signal: NodeJS.Signals): Promise<void> {
  const cwd = temporaryFolder();
  const first = await startNode([], { cwd });
  const token = first.places.adminToken!;
  const campaign = await campaignOf(first, { size: 10, rate: 0 });
  const push = { to: ["user:away"], topic: "news", payload: { title: "Hello" }, id: "once" };
  expect((await first.call("POST", "/v1/push", token, push)).status).toBeLessThan(300);
  await first.end(signal);

  const second = await startNode([], { cwd });
  const { body } = await second.call("GET", `/v1/campaigns/${campaign}`, token);
  expect(body).toMatchObject({ campaign: { id: campaign, state: "ready" } });
  const audiences = await second.call("GET", "/v1/audiences", token);
  expect(audiences.body).toMatchObject({ items: [{ state: "finished", size: 10 }] });
  const device = await deviceOf(second, "away", token);
  expect(await device.push()).toMatchObject({ topic: "news", payload: { title: "Hello" } });
  await device.ping();
  device.close();
  expect((await second.end("SIGINT")).status).toBe(0);
}

function isUnavailable({ status }: Answer): boolean {
  return status === 503;
}

/** A client that has announced a long file and sends no more of it. */
async function unfinished(node: NodeProcess): Promise<RawSocket> {
  const client = new RawSocket(node.url);
  client.write(
    "POST /v1/audiences?name=slow HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n" +
      `Authorization: Bearer ${node.places.adminToken}\r\nContent-Length: 1000000\r\n\r\nmember\n`,
  );
  const isBegun = /^herald_http_requests 2$/m;
  await until(async () => isBegun.test((await node.call("GET", "/metrics")).text));
  return client;
}

/** Imports members `u-0` and so on and creates a campaign to them; answers its id. */
async function campaignOf(
  node: NodeProcess,
  { size, rate }: { readonly size: number; readonly rate: number },
): Promise<string> {
  const token = node.places.adminToken!;
  const members = Array.from({ length: size }, (_, n) => `u-${n}`);
  const audience = await node.call("POST", "/v1/audiences", token, { name: "all", members });
  expect(audience.status, audience.text).toBe(201);
  const { id } = audience.body as Named;
  const spec = { name: "hello", audience: id, payload: { title: "Hello" }, rate };
  const campaign = await node.call("POST", "/v1/campaigns", token, spec);
  expect(campaign.status, campaign.text).toBe(201);
  return (campaign.body as Named).id;
}

interface Progress {
  readonly state: string;
  readonly sent: number;
  readonly ledgerGap: number;
  readonly ledger: Readonly<Record<string, number>>;
}

async function progressOf(node: NodeProcess, id: string, token: string): Promise<Progress> {
  const { body } = await node.call("GET", `/v1/campaigns/${id}`, token);
  return (body as { progress: Progress }).progress;
}

/** Asks again until it is so; each question is a round trip, and the test has a time limit. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

async function deviceOf(node: NodeProcess, user: string, token?: string): Promise<Device> {
  const admin = token ?? node.places.adminToken;
  const answer = await node.call("POST", "/v1/tokens", admin, {
    kind: "device",
    user,
    ttlMs: 600_000,
  });
  expect(answer.status, answer.text).toBe(201);
  return Device.login(node.places.websocket, (answer.body as { token: string }).token);
}
