import { expect, test } from "vitest";
import { RuntimeError } from "../../../src/core/errors.ts";
import { fail, ok, type Result } from "../../../src/core/result.ts";
import { rememberedLogins } from "../../../src/providers/platform/logins.ts";
import type { Admission } from "../../../src/providers/platform/platform.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

const DOWN = new RuntimeError("platform.failed", "it is down");
const NO = new RuntimeError("platform.refused", "not paid");

function start(whenDown: "admit" | "refuse" = "refuse", cacheMs = 60_000) {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const service: { answer: Result<Admission> } = { answer: ok({}) };
  const platform = {
    login: async ({ principal, device }: { principal: string; device: string }) => {
      asked.push(`${principal}/${device}`);
      return service.answer;
    },
  };
  const admit = rememberedLogins({ platform, clock, cacheMs, whenDown });
  const login = (principal = "ann", device = "phone") => admit({ principal, device });
  return { clock, asked, service, login };
}

test("a storm of reconnects is one question per device, and the next when it is over", async () => {
  const { asked, login, clock } = start();
  const storm = await Promise.all(Array.from({ length: 1_000 }, () => login()));
  expect(storm.every(({ ok: isOk }) => isOk)).toBe(true);
  await login("ann", "tablet");
  clock.advance(59_999);
  await login();
  expect(asked).toEqual(["ann/phone", "ann/tablet"]);
  clock.advance(1);
  await login();
  expect(asked).toEqual(["ann/phone", "ann/tablet", "ann/phone"]);
});

test("a refusal holds as long as an admission", async () => {
  const { asked, login, service } = start();
  service.answer = fail(NO);
  await login();
  service.answer = ok({});
  expect(await login()).toEqual(fail(NO));
  expect(asked).toHaveLength(1);
});

test.each([
  ["refuse", fail(DOWN)],
  ["admit", ok({})],
] as const)("who cannot be asked about is treated as said: %s", async (whenDown, expected) => {
  const { asked, login, service } = start(whenDown);
  service.answer = fail(DOWN);
  expect(await login()).toEqual(expected);
  // A failure is no answer: it is asked again.
  service.answer = fail(NO);
  expect(await login()).toEqual(fail(NO));
  expect(asked).toHaveLength(2);
});

test("without a cache each log-in is asked about, and those at once share it", async () => {
  const { asked, login } = start("refuse", 0);
  await Promise.all([login(), login()]);
  await login();
  expect(asked).toHaveLength(2);
});

test("names that look alike when put together are told apart", async () => {
  const { asked, login } = start();
  await login('a","b', "c");
  await login("a", 'b","c');
  expect(asked).toHaveLength(2);
});
