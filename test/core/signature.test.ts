import { describe, expect, test } from "vitest";
import {
  SECRET_FORM,
  secretKey,
  signRequest,
  TOLERANCE_MS,
  verifyRequest,
} from "../../src/core/signature.ts";

const AT = 1_614_265_330_000;
const key = secretKey(`whsec_${Buffer.alloc(32, 1).toString("base64")}`);
const newKey = secretKey(`whsec_${Buffer.alloc(32, 2).toString("base64")}`);
const body = '{"items":[{"id":"ü🎉"}]}';

function signed(keys: readonly Uint8Array[] = [key], changes: Record<string, string> = {}) {
  const headers = { ...signRequest({ id: "batch_1", at: AT }, body, keys), ...changes };
  return new Map(Object.entries(headers).filter(([, value]) => value !== ""));
}

function outcome(
  headers: ReadonlyMap<string, string>,
  { text = body, keys = [key] as readonly Uint8Array[], now = AT } = {},
): string {
  try {
    verifyRequest({ headers, body: text }, keys, now);
    return "ok";
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
}

test("the vector of the Standard Webhooks specification is signed as published", () => {
  const published = secretKey(`whsec_${"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`);
  const id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
  expect(signRequest({ id, at: AT }, '{"test": 2432232314}', [published])).toEqual({
    "webhook-id": id,
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("text and its bytes have the same signature", () => {
  const at = { id: "batch_1", at: AT };
  expect(signRequest(at, Buffer.from(body), [key])).toEqual(signRequest(at, body, [key]));
});

test("a secret is whsec_ and the base64 of 24 to 64 bytes", () => {
  const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, 9).toString("base64")}`;
  for (const bytes of [24, 32, 33, 64]) expect(of(bytes)).toMatch(SECRET_FORM);
  for (const bytes of [0, 16, 23, 66]) expect(of(bytes)).not.toMatch(SECRET_FORM);
  for (const text of ["", "hunter2", of(32).slice(6), `${of(32)}!`]) {
    expect(text).not.toMatch(SECRET_FORM);
  }
});

describe("what was signed is taken", () => {
  test("within the tolerance, in the past and in the future", () => {
    expect(outcome(signed())).toBe("ok");
    expect(outcome(signed(), { now: AT + TOLERANCE_MS })).toBe("ok");
    expect(outcome(signed(), { now: AT - TOLERANCE_MS })).toBe("ok");
  });

  test("while keys are exchanged: signed with both and known by one, or the other way", () => {
    expect(outcome(signed([newKey, key]), { keys: [key] })).toBe("ok");
    expect(outcome(signed([key]), { keys: [newKey, key] })).toBe("ok");
  });

  test("beside signatures of other versions", () => {
    const own = signed().get("webhook-signature")!;
    expect(outcome(signed([key], { "webhook-signature": `v1a,xyz v2,abc ${own}` }))).toBe("ok");
  });
});

describe("what was not signed is refused", () => {
  test.each(["webhook-id", "webhook-timestamp", "webhook-signature"])("without %s", (name) => {
    expect(outcome(signed([key], { [name]: "" }))).toMatch(/^auth.signature: .*not signed/);
  });

  test("when anything that was signed has changed", () => {
    expect(outcome(signed(), { text: `${body} ` })).toMatch(/^auth.signature: /);
    expect(outcome(signed([key], { "webhook-id": "batch_2" }))).toMatch(/^auth.signature: /);
    expect(outcome(signed([key], { "webhook-timestamp": "1614265331" }))).toMatch(
      /^auth.signature: /,
    );
  });

  test("when it was signed with another key, or nobody's", () => {
    expect(outcome(signed([newKey]))).toMatch(/^auth.signature: /);
    expect(outcome(signed(), { keys: [] })).toMatch(/^auth.signature: /);
  });

  test.each(["", "v1,", "v1,AAAA", "v2,x", "nonsense", "v1"])("with the signature %j", (text) => {
    const headers = new Map(signed([key])).set("webhook-signature", text);
    expect(outcome(headers)).toMatch(/^auth.signature: /);
  });

  test("when id or timestamp are not in their form, whatever the signature", () => {
    for (const timestamp of ["-1", "1e9", "NaN", "9".repeat(13)]) {
      expect(outcome(signed([key], { "webhook-timestamp": timestamp }))).toMatch(
        /^auth.signature: /,
      );
    }
    expect(outcome(signed([key], { "webhook-id": "a b" }))).toMatch(/^auth.signature: /);
  });

  test("when it is too old, or from too far in the future", () => {
    expect(outcome(signed(), { now: AT + TOLERANCE_MS + 1 })).toMatch(/^auth.signature: .*clock/);
    expect(outcome(signed(), { now: AT - TOLERANCE_MS - 1 })).toMatch(/^auth.signature: .*clock/);
  });
});
