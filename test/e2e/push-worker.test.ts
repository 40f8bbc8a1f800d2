/**
 * The example's service worker in a real browser, with what web push sends.
 *
 * How a message comes from Herald to the browser is not part of it: that goes through a server of
 * the browser's vendor. What that server hands on is given to the browser by its debugger instead.
 * It needs Chromium; see sdk.test.ts.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type CDPSession, chromium, type Page } from "playwright-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { contentOf } from "../../src/providers/web-push/content.ts";
import { ROOT } from "../process/herald.ts";
import { BROWSER, isLeftOut } from "./chromium.ts";

if (isLeftOut) {
  console.warn("\nLEFT OUT: no Chromium here, so no service worker is tested in a browser.\n");
}

describe.skipIf(isLeftOut)("the service worker of the examples", () => {
  test("shows what a campaign sends, and a copy in the place of the first", async () => {
    const { deliver, shown } = await openPage();
    const payload = JSON.stringify({
      ...{ title: "Hello Ann ü🎉", body: "News", link: "https://example.com/" },
      webPush: { urgency: "high" },
    });
    await deliver(contentFor(payload, "cmp_1:1:0/0:1"));
    const first = await shown((all) => all.length === 1);
    expect(first).toEqual([
      {
        ...{ title: "Hello Ann ü🎉", body: "News", tag: "cmp_1:1:0/0:1" },
        data: { link: "https://example.com/" },
      },
    ]);
    await deliver(contentFor(payload, "cmp_1:1:0/0:1"));
    await deliver(contentFor(JSON.stringify({ title: "Another" }), "cmp_1:1:0/0:2"));
    const all = await shown((them) => them.some(({ title }) => title === "Another"));
    expect(all.map(({ title }) => title).sort()).toEqual(["Another", "Hello Ann ü🎉"]);
  });
});

function contentFor(payload: string, id: string): string {
  const content = contentOf(payload, id);
  if ("reason" in content) throw new Error(content.reason);
  return content.text;
}

interface Shown {
  readonly title: string;
  readonly body: string;
  readonly tag: string;
  readonly data: unknown;
}

/** A page whose service worker is the example's. */
async function openPage() {
  const server = createServer((request, response) => {
    const isWorker = request.url === "/push-worker.js";
    response.setHeader("content-type", isWorker ? "text/javascript" : "text/html");
    response.end(isWorker ? readFileSync(join(ROOT, "examples", "push-worker.js")) : "<p>Hello");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = await chromium.launch({
    executablePath: BROWSER ?? "chromium",
    args: ["--no-sandbox", "--disable-background-networking"],
  });
  onTestFinished(async () => {
    await browser.close();
    server.close();
  });
  const context = await browser.newContext();
  await context.grantPermissions(["notifications"], { origin });
  const page = await context.newPage();
  await page.goto(origin);
  const debug = await context.newCDPSession(page);
  const registrationId = await register(page, debug);
  return {
    deliver: (data: string) =>
      debug.send("ServiceWorker.deliverPushMessage", { origin, registrationId, data }),
    shown: async (isEnough: (all: readonly Shown[]) => boolean) => {
      for (;;) {
        const all = (await page.evaluate(SHOWN)) as Shown[];
        if (isEnough(all)) return all;
      }
    },
  };
}

/** Once per frame at most: asked without a pause, the browser has no time for anything else. */
const SHOWN = `new Promise((drawn) => requestAnimationFrame(drawn))
  .then(() => navigator.serviceWorker.ready)
  .then((registration) => registration.getNotifications())
  .then((all) => all.map(({ title, body, tag, data }) => ({ title, body, tag, data })))`;

async function register(page: Page, debug: CDPSession): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  debug.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
    const [first] = registrations;
    if (first !== undefined) resolve(first.registrationId);
  });
  await debug.send("ServiceWorker.enable");
  await page.evaluate(
    `navigator.serviceWorker.register("/push-worker.js")
      .then(() => navigator.serviceWorker.ready).then(() => true)`,
  );
  return promise;
}
