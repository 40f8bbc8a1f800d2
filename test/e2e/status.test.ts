/**
 * The status page in a real browser: it asks for a token, lives, and shows what the node does.
 *
 * It needs Chromium (`apt-get install chromium`). Where it is missing these tests are left out,
 * which is said in the output; with CI set they fail instead.
 */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Device } from "../process/device.ts";
import { type NodeProcess, startNode } from "../process/herald.ts";
import { Relay } from "../process/relay.ts";
import { BROWSER, isLeftOut } from "./chromium.ts";

if (isLeftOut) {
  console.warn("\nLEFT OUT: no Chromium here, so the status page is not tested in a browser.\n");
}

const PHONE = { width: 375, height: 740 };

let browser: Browser;
beforeAll(async () => {
  if (BROWSER === undefined) return;
  browser = await chromium.launch({
    executablePath: BROWSER,
    args: ["--no-sandbox", "--disable-background-networking"],
  });
});
afterAll(() => browser?.close());

/** The page of a node; whatever the browser complains of fails the test. */
async function openStatus(
  node: { readonly url: string },
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // A refused request is why it asks for a token, and a lost one why it connects again.
    const isExpected = /401|ERR_|Failed to load/.test(message.text());
    if (message.type() === "error" && !isExpected) complaints.push(message.text());
  });
  onTestFinished(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });
  await page.goto(new URL("/status", node.url).href);
  return page;
}

async function logIn(page: Page, token: string): Promise<void> {
  await page.getByLabel(/API token/).fill(token);
  await page.getByRole("button", { name: "Show the status" }).click();
}

async function deviceOf(node: NodeProcess, user: string): Promise<Device> {
  const body = { kind: "device", user, ttlMs: 600_000 };
  const minted = await node.call("POST", "/v1/tokens", node.places.adminToken, body);
  return Device.login(node.places.websocket, (minted.body as { token: string }).token);
}

describe.skipIf(isLeftOut)("the status page", () => {
  test("asks for a token, keeps it for the tab, and forgets it when told", async () => {
    const node = await startNode([]);
    const page = await openStatus(node);
    await logIn(page, "hat_nonsense");
    await page.getByText("this token is not accepted").waitFor();
    await logIn(page, node.places.adminToken!);
    await page.getByText("live", { exact: true }).waitFor();
    await page.reload();
    await page.getByText("live", { exact: true }).waitFor();
    expect(await page.getByLabel(/API token/).isVisible()).toBe(false);
    await page.getByRole("button", { name: "Forget the token" }).click();
    await page.getByLabel(/API token/).waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    await node.end("SIGINT");
  });

  test("shows devices as they come, what they get, actors and the configuration", async () => {
    const secret = `not-to-be-seen-${"x".repeat(32)}`;
    const node = await startNode([], { env: { HERALD_AUTH_SECRET: secret } });
    const page = await openStatus(node);
    await logIn(page, node.places.adminToken!);
    await page.getByText("live", { exact: true }).waitFor();
    // A name that would be markup if it were not shown as text.
    const device = await deviceOf(node, "<b>ann</b>");
    await page.getByRole("cell", { name: "user:<b>ann</b>" }).waitFor();
    const push = { to: ["user:<b>ann</b>"], topic: "t", payload: 1 };
    await node.call("POST", "/v1/push", node.places.adminToken, push);
    await device.push();
    const kept = page.getByRole("row", { name: /^kept pushes/ });
    await kept.filter({ hasText: "acked 1" }).waitFor();
    await page.getByRole("cell", { name: "/sessions" }).first().waitFor();
    await page.getByLabel(/Only those of/).fill("board:nobody");
    await page.getByRole("cell", { name: "user:<b>ann</b>" }).waitFor({ state: "detached" });
    await page.getByLabel(/Only those of/).fill("<b>ann</b>");
    await page.getByRole("cell", { name: "user:<b>ann</b>" }).waitFor();
    await page.getByText("Counters").click();
    await page.getByLabel("Only those with").fill("pushes_written");
    await page.getByRole("row", { name: /^pushes_written/ }).waitFor();
    await page.getByText("Configuration").click();
    expect(await page.locator("pre").innerText()).toContain('"secret": "(hidden)"');
    expect(await page.content()).not.toContain(secret);
    device.close();
    await node.end("SIGINT");
  });

  test("needs no token where the configuration says so, and then shows no devices", async () => {
    const node = await startNode([], { env: { HERALD_HTTP_STATUS_PUBLIC: "true" } });
    const page = await openStatus(node);
    await page.getByText("live", { exact: true }).waitFor();
    expect(await page.getByRole("heading", { name: "Devices" }).isVisible()).toBe(false);
    await node.end("SIGINT");
  });

  test("connects again by itself when the connection is lost", async () => {
    const node = await startNode([], { env: { HERALD_HTTP_STATUS_PUBLIC: "true" } });
    const relay = await Relay.start(node.url);
    onTestFinished(() => relay.close());
    const page = await openStatus({ url: relay.url.replace("ws:", "http:") });
    await page.getByText("live", { exact: true }).waitFor();
    relay.drop();
    await page.getByText(/connecting again/).waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    await node.end("SIGINT");
  });

  for (const colorScheme of ["light", "dark"] as const) {
    test(`fits a phone and can be read, in ${colorScheme}`, async () => {
      const node = await startNode([], { env: { HERALD_HTTP_STATUS_PUBLIC: "true" } });
      const page = await openStatus(node, { colorScheme, viewport: PHONE });
      await page.getByText("live", { exact: true }).waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);
      const [text, back] = (await page.evaluate(COLORS)) as [number[], number[]];
      expect(contrast(text, back)).toBeGreaterThan(4.5);
      await node.end("SIGINT");
    });
  }
});

/** Red, green and blue of dim text on a card, and of the card: the faintest pair there is. */
const COLORS = `["color", "backgroundColor"].map((name) => {
  const of = name === "color" ? ".card .dim" : ".card";
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(document.querySelector(of))[name];
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
})`;

/** As WCAG 2 counts it; 4.5 is enough for text of any size. */
function contrast(one: readonly number[], other: readonly number[]): number {
  const light = [one, other].map(luminance).sort((a, b) => b - a);
  return (light[0]! + 0.05) / (light[1]! + 0.05);
}

function luminance(color: readonly number[]): number {
  const [red, green, blue] = color.map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
