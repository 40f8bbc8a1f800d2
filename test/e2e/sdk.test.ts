/**
 * The SDK as it is built, in a real browser.
 *
 * It needs Chromium (`apt-get install chromium`). Where it is missing these tests are left out,
 * which is said in the output; with CI set they fail instead.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type NodeProcess, ROOT, startNode } from "../process/herald.ts";
import { Relay } from "../process/relay.ts";
import { BROWSER, isLeftOut } from "./chromium.ts";

if (isLeftOut) {
  console.warn("\nLEFT OUT: no Chromium here, so the SDK is not tested in a browser.\n");
}

const MODULE = join(ROOT, "clients", "js", "dist", "index.js");
const PAGE = new URL("page.html", import.meta.url);

let site: string;
let stopSite: () => void;
beforeAll(async () => {
  if (isLeftOut) return;
  execFileSync("npm", ["run", "build:client"], { cwd: ROOT, stdio: "pipe" });
  const server = createServer((request, response) => {
    const isModule = request.url === "/client.js";
    const type = isModule ? "text/javascript" : "text/html";
    response.setHeader("content-type", `${type}; charset=utf-8`);
    response.end(readFileSync(isModule ? MODULE : PAGE));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stopSite = () => server.close();
});
afterAll(() => stopSite?.());

describe.skipIf(isLeftOut)("the built SDK in a page", () => {
  for (const encoding of ["json", "msgpack"] as const) {
    test(`receives, acks, and survives a drop and a reload, in ${encoding}`, async () => {
      const node = await startNode([]);
      const relay = await Relay.start(node.url);
      onTestFinished(() => relay.close());
      const page = await openPage(node, { url: relay.url, encoding });
      await page.getByText("connected, recovered: false").waitFor();

      await push(node, { text: "one 🚀" });
      await page.getByText('1 {"text":"one 🚀"}').waitFor();
      await acked(node, 1);

      relay.drop();
      await push(node, { text: "two" });
      await page.getByText('2 {"text":"two"}').waitFor();
      await page.getByText("connected, recovered: true").waitFor();
      await acked(node, 2);

      await page.reload();
      await page.getByText("connected, recovered: true").waitFor();
      await push(node, { text: "three" });
      await page.getByText('3 {"text":"three"}').waitFor();
      expect(await page.locator("li").allTextContents()).toEqual(['3 {"text":"three"}']);
      await acked(node, 3);

      await page.evaluate("client.close()");
      await page.getByText("closed").waitFor();
      await node.end("SIGINT");
    });
  }
});

/** A page with a device of ann; errors of the page fail the test. */
async function openPage(node: NodeProcess, options: object): Promise<Page> {
  if (BROWSER === undefined) throw new Error("Chromium is missing: apt-get install chromium");
  const browser = await chromium.launch({
    executablePath: BROWSER,
    args: ["--no-sandbox", "--disable-background-networking"],
  });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  onTestFinished(() => expect(errors).toEqual([]));
  const token = { kind: "device", user: "ann", ttlMs: 3_600_000 };
  const { body } = await node.call("POST", "/v1/tokens", node.places.adminToken, token);
  const credential = (body as { token: string }).token;
  const settings = encodeURIComponent(JSON.stringify({ ...options, credential }));
  await page.goto(`${site}/#${settings}`);
  return page;
}

async function push(node: NodeProcess, payload: unknown): Promise<void> {
  const body = { to: ["user:ann"], topic: "news", payload };
  const { status, text } = await node.call("POST", "/v1/push", node.places.adminToken, body);
  expect(status, text).toBe(200);
}

/** Resolves when the ledger says that many are acked. */
async function acked(node: NodeProcess, count: number): Promise<void> {
  for (;;) {
    const { body } = await node.call("GET", "/v1/ledger", node.places.adminToken);
    if ((body as { acked: number }).acked >= count) return;
  }
}
