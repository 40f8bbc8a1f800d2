import { expect, test } from "vitest";
import { newVapidKeys, vapidKeysOf } from "../../../src/core/web-push.ts";
import { Vapid } from "../../../src/providers/web-push/vapid.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

const HOUR_MS = 3_600_000;

function start() {
  const clock = new VirtualClock();
  const vapid = new Vapid({ keys: newVapidKeys(), subject: "mailto:push@example.com", clock });
  const expiryOf = (header: string): number => {
    const claims = Buffer.from(header.split(".")[1]!, "base64url").toString("utf8");
    return (JSON.parse(claims) as { exp: number }).exp * 1_000;
  };
  return { clock, vapid, expiryOf };
}

test("a token is used for hours, and replaced long before it is over", async () => {
  const { clock, vapid, expiryOf } = start();
  const first = await vapid.authorization("https://push.example.com");
  clock.advance(6 * HOUR_MS - 1);
  expect(await vapid.authorization("https://push.example.com")).toBe(first);
  clock.advance(1);
  const next = await vapid.authorization("https://push.example.com");
  expect(next).not.toBe(first);
  expect(expiryOf(first) - clock.now()).toBeGreaterThan(5 * HOUR_MS);
  expect(expiryOf(next) - clock.now()).toBeLessThanOrEqual(12 * HOUR_MS);
});

test("each push service gets a token that no other one can use", async () => {
  const { vapid } = start();
  const [one, other] = await Promise.all([
    vapid.authorization("https://push.example.com"),
    vapid.authorization("https://updates.example.com"),
  ]);
  expect(one).not.toBe(other);
});

test("a pair of keys is known by its private key, however it begins", () => {
  const zero = `AAAA${newVapidKeys().privateKey.slice(4)}`;
  for (const keys of [newVapidKeys(), vapidKeysOf(zero)!]) {
    expect(vapidKeysOf(keys.privateKey)).toEqual(keys);
    expect(Buffer.from(keys.publicKey, "base64url")).toHaveLength(65);
  }
  const bad = ["", "AAAA", "A".repeat(43), "_".repeat(43), `${newVapidKeys().privateKey}AA`];
  for (const text of bad) expect(vapidKeysOf(text), text).toBeUndefined();
});
