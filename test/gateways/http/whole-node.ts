import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../../src/core/config.ts";
import { ROUTES } from "../../../src/gateways/http/routes.ts";
import { startNode } from "../../../src/main.ts";
import { Device } from "../../process/device.ts";

export type WholeNode = Awaited<ReturnType<typeof startWholeNode>>;

/** The node of main.ts in this process, with its admin API and devices. */
export async function startWholeNode(config: Readonly<Record<string, object>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "herald-whole-"));
  const base = { listen: { port: 0 }, node: { dataDir: folder }, log: { level: "silent" } };
  const node = await startNode(parseConfig({ ...base, ...config }, {}));
  const token = node.firstAdminToken!;
  const websocket = `${node.url.replace("http", "ws")}/v1/connect`;
  const request = (method: string, path: string, body?: unknown, type = "application/json") =>
    fetch(node.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": type },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields it is about.
  type Json = any;

  /** Calls a route that must succeed, and holds the answer to its schema. */
  const call = async (method: string, path: string, body?: unknown, type?: string) => {
    const response = await request(method, path, body, type);
    const json = (await response.json()) as Json;
    assert.ok(response.ok, JSON.stringify(json));
    const [bare] = path.split("?");
    const pattern = (route: string) => new RegExp(`^${route.replace(/\{\w+\}/g, "[^/]+")}$`);
    const route = ROUTES.find((it) => it.method === method && pattern(it.path).test(bare!));
    assert.equal(route?.kind, "json", path);
    if (route?.kind === "json") assert.deepEqual(route.answer.parse(json), json);
    return json;
  };

  /** Calls a route that must fail, and returns the error. */
  const fail = async (method: string, path: string, body?: unknown, type?: string) => {
    const response = await request(method, path, body, type);
    const { error } = (await response.json()) as Json;
    assert.equal(response.ok, false, path);
    return { status: response.status, ...error } as Json;
  };

  const mint = async (who: { user: string } | { board: string }, ttlMs = 600_000) => {
    const kind = "user" in who ? "device" : "board";
    return (await call("POST", "/v1/tokens", { kind, ttlMs, ...who })).token as string;
  };

  return {
    url: node.url,
    websocket,
    token,
    system: node.system,
    call,
    fail,
    mint,
    /** A device, which acknowledges what it gets unless told not to. */
    login: async (who: { user: string } | { board: string }, ack = true) =>
      Device.login(websocket, await mint(who), ack),
    async stop(): Promise<void> {
      await node.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
