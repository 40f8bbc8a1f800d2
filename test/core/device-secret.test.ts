import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { deviceSecret, readSecret, writeSecret } from "../../src/core/device-secret.ts";

const installation = new Uint8Array(32).fill(7);
const board = { principal: "board:b1", device: "board", version: 1 };

test("a device's secret is HKDF-SHA256 of the installation's, its owner and its version", () => {
  const info = '["herald device","board:b1","board",1]\u0001';
  const extracted = createHmac("sha256", Buffer.alloc(32)).update(installation).digest();
  const expanded = createHmac("sha256", extracted).update(info).digest();
  expect(Buffer.from(deviceSecret(installation, board))).toEqual(expanded);
});

test("another principal, device, version or installation has another secret", () => {
  const others = [
    deviceSecret(installation, board),
    deviceSecret(installation, { ...board, principal: "b1" }),
    deviceSecret(installation, { ...board, device: "boar" }),
    deviceSecret(installation, { ...board, version: 2 }),
    deviceSecret(installation, { ...board, principal: 'board:b1","x', device: "board" }),
    deviceSecret(installation, { ...board, principal: "board:b1", device: 'x","board' }),
    deviceSecret(new Uint8Array(32).fill(8), board),
  ].map(writeSecret);
  expect(new Set(others).size).toBe(others.length);
});

test("names of any length and script have a secret", () => {
  const owner = { principal: "漢".repeat(128), device: '"'.repeat(128), version: 2 ** 31 };
  expect(deviceSecret(installation, owner)).toHaveLength(32);
});

test("a written secret is read back, and nothing else is one", () => {
  const secret = deviceSecret(installation, board);
  const text = writeSecret(secret);
  expect(text).toMatch(/^[\w-]{43}$/);
  expect(readSecret(text)).toEqual(secret);
  for (const wrong of ["", text.slice(1), `${text}A`, `${text}=`, ` ${text}`, "!".repeat(43)]) {
    expect(readSecret(wrong)).toBeUndefined();
  }
});
