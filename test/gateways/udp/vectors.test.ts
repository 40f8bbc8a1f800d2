/**
 * Holds the datagrams to `test/vectors/udp.json`: what goes over the wire never changes within a
 * version. Keys and seals are computed here a second time, by Web Crypto.
 */

import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Cookies } from "../../../src/gateways/udp/cookie.ts";
import { channelKeys, resetToken, startMac } from "../../../src/gateways/udp/keys.ts";
import {
  HEADER_BYTES,
  NONCE_BYTES,
  readStart,
  writeCookie,
  writeInit,
  writeRefuse,
  writeReset,
  writeStart,
  writeVersion,
} from "../../../src/gateways/udp/packet.ts";
import { PayloadWriter, readPayload } from "../../../src/gateways/udp/payload.ts";

interface Vectors {
  readonly secret: string;
  readonly deviceNonce: string;
  readonly serverNonce: string;
  readonly session: string;
  readonly resetSecret: string;
  readonly principal: string;
  readonly device: string;
  readonly cookieSecret: string;
  readonly cookieFor: {
    readonly address: string;
    readonly port: number;
    readonly monotonic: number;
  };
  readonly keys: { readonly fromDevice: string; readonly fromServer: string };
  readonly packets: Readonly<
    Record<"init" | "cookie" | "start" | "accept" | "refuse" | "reset" | "version", string>
  >;
  readonly payloads: readonly { readonly parts: object[]; readonly bytes: string }[];
  readonly sealed: readonly {
    readonly from: "device" | "server";
    readonly number: number;
    readonly payload: string;
    readonly packet: string;
  }[];
}

const VECTORS: Vectors = JSON.parse(readFileSync("test/vectors/udp.json", "utf8"));
const hex = (text: string): Buffer => Buffer.from(text, "hex");
const secret = hex(VECTORS.secret);
const deviceNonce = hex(VECTORS.deviceNonce);
const serverNonce = hex(VECTORS.serverNonce);
const { packets } = VECTORS;

describe("the test vectors", () => {
  test("are the packets of the handshake", () => {
    const { address, port, monotonic } = VECTORS.cookieFor;
    const cookies = new Cookies(hex(VECTORS.cookieSecret));
    const cookie = cookies.bake(address, port, deviceNonce, monotonic);
    const { principal, device } = VECTORS;
    const start = writeStart(deviceNonce, cookie, { type: "device", principal, device });
    const mac = startMac(secret, deviceNonce, start);
    const token = resetToken(hex(VECTORS.resetSecret), VECTORS.session);
    const { fromServer } = channelKeys(secret, deviceNonce, serverNonce);
    expect(writeInit(deviceNonce).toString("hex")).toBe(packets.init);
    expect(writeCookie(deviceNonce, cookie).toString("hex")).toBe(packets.cookie);
    expect(Buffer.concat([start, mac]).toString("hex")).toBe(packets.start);
    const accept = fromServer.sealAccept(hex(VECTORS.session), serverNonce, token);
    expect(accept.toString("hex")).toBe(packets.accept);
    expect(writeRefuse(deviceNonce, "unauthorized").toString("hex")).toBe(packets.refuse);
    expect(writeReset(VECTORS.session, token).toString("hex")).toBe(packets.reset);
    expect(writeVersion(deviceNonce).toString("hex")).toBe(packets.version);
    expect(readStart(hex(packets.start))).toMatchObject({ key: { principal, device } });
  });

  test("are the keys and seals that Web Crypto computes, too", async () => {
    const { subtle } = webcrypto;
    const base = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
    const info = Buffer.from("herald udp 1 channel");
    const salt = Buffer.concat([deviceNonce, serverNonce]);
    const bits = await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, base, 448);
    const derived = Buffer.from(bits);
    expect(derived.toString("hex", 0, 28)).toBe(VECTORS.keys.fromDevice);
    expect(derived.toString("hex", 28)).toBe(VECTORS.keys.fromServer);
    expect(VECTORS.sealed.length).toBeGreaterThan(2);
    for (const { from, number, payload, packet } of VECTORS.sealed) {
      const bytes = derived.subarray(from === "device" ? 0 : 28);
      const key = await subtle.importKey("raw", bytes.subarray(0, 16), "AES-GCM", false, [
        "decrypt",
      ]);
      const iv = Buffer.from(bytes.subarray(16, 28));
      const low = iv.readBigUInt64BE(4) ^ BigInt(number);
      iv.writeBigUInt64BE(low, 4);
      const whole = hex(packet);
      const additionalData = whole.subarray(0, HEADER_BYTES);
      const plain = await subtle.decrypt(
        { name: "AES-GCM", iv, additionalData },
        key,
        whole.subarray(HEADER_BYTES),
      );
      expect(Buffer.from(plain).toString("hex")).toBe(payload);
    }
  });

  test("are sealed and opened as they stand there", () => {
    const keys = channelKeys(secret, deviceNonce, serverNonce);
    for (const { from, number, payload, packet } of VECTORS.sealed) {
      const seal = from === "device" ? keys.fromDevice : keys.fromServer;
      const sealed = seal.seal(hex(VECTORS.session), number, hex(payload));
      expect(sealed.toString("hex")).toBe(packet);
      expect(seal.open(sealed, number)?.toString("hex")).toBe(payload);
    }
    const start = HEADER_BYTES + NONCE_BYTES;
    expect(keys.fromServer.open(hex(packets.accept), 0, start)).toBeDefined();
  });

  test("are the payloads, written and read", () => {
    for (const { parts, bytes } of VECTORS.payloads) {
      const read = readPayload(hex(bytes))?.map((part) =>
        "frame" in part ? { ...part, frame: Buffer.from(part.frame).toString("hex") } : part,
      );
      expect(read).toEqual(parts);
      const writer = new PayloadWriter();
      writer.begin();
      for (const part of readPayload(hex(bytes))!) {
        if (part.type === "ack") writer.ack(part.ranges, part.delayMs);
        else if (part.type === "message") writer.message(part.sequence, part.frame);
        else if (part.type === "once") writer.once(part.frame);
        else if (part.type === "close") writer.close(part.frame);
        else writer.probe();
      }
      expect(Buffer.from(writer.bytes).toString("hex")).toBe(bytes);
    }
  });
});

describe("a payload", () => {
  const whole = hex(VECTORS.payloads.at(-1)!.bytes);

  test("that ends too early is no payload, wherever it ends within a part", () => {
    const ends = new Set<number>([0]);
    for (let end = 1; end <= whole.length; end += 1) {
      if (readPayload(whole.subarray(0, end)) !== undefined) ends.add(end);
    }
    // Only between two parts, of which there are four.
    expect(ends.size).toBe(5);
  });

  test.each([
    ["an unknown part", "09"],
    ["nothing", ""],
    ["an ack of nothing", "010000000000050000" + "00"],
    ["an ack with an empty range", "010000000000050000" + "01" + "00000000"],
    ["an ack below zero", "010000000000050000" + "01" + "00000009"],
    ["ranges without a gap between them", "010000000000090000" + "02" + "00000001" + "00000001"],
    ["a message without its length", "0200000001"],
    ["a frame shorter than it says", "0300ff01"],
  ])("is not %s", (_what, text) => {
    expect(readPayload(hex(text))).toBeUndefined();
  });
});
