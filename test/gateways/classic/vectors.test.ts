import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type ClassicReply,
  readCommand,
  writeReply,
} from "../../../src/gateways/classic/commands.ts";
import { crc8 } from "../../../src/gateways/classic/crc8.ts";
import { readMessage, writeMessage } from "../../../src/gateways/classic/data.ts";
import { readLogin } from "../../../src/gateways/classic/login.ts";
import { readStatus, writeStatus } from "../../../src/gateways/classic/status.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../../vectors/classic.json", import.meta.url), "utf8"),
) as Vectors;

interface Vectors {
  readonly crc8: readonly { readonly ascii: string; readonly check: number }[];
  readonly messages: readonly {
    readonly name: string;
    readonly hex: string;
    readonly frame: { readonly destination: string; readonly source: string };
    readonly data: object;
    readonly bodyHex: string;
  }[];
  readonly commands: readonly {
    readonly name: string;
    readonly messageId: number;
    readonly bodyHex: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }[];
  readonly replies: readonly {
    readonly reply: Readonly<Record<string, unknown>>;
    readonly bodyHex: string;
  }[];
  readonly status: readonly {
    readonly type: number;
    readonly id: string;
    readonly payloadHex: string;
    readonly bodyHex: string;
  }[];
  readonly logins: readonly {
    readonly text: string;
    readonly secret: string;
    readonly id: string;
    readonly timestamp: number;
    readonly timeout: number;
  }[];
}

const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** A value of the codec as the vectors write it: bytes in hex, ids in decimals. */
function written(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]: [string, unknown]) => [
      name,
      Buffer.isBuffer(field)
        ? field.toString("hex")
        : typeof field === "bigint"
          ? `${field}`
          : (field ?? null),
    ]),
  );
}

describe("the shared vectors of the classic codec", () => {
  it.each(vectors.crc8)("check $ascii as $check", ({ ascii, check }) => {
    const bytes = Buffer.from(ascii);
    expect(crc8(bytes, 0, bytes.length)).toBe(check);
  });

  it.each(vectors.messages)("hold $name, read and written", (vector) => {
    const read = readMessage(hex(vector.hex));
    if (!read.ok) throw read.error;
    expect(written(read.value.frame)).toEqual(vector.frame);
    expect(read.value.data).toEqual(vector.data);
    expect(read.value.body.toString("hex")).toBe(vector.bodyHex);
    expect(writeMessage(read.value).toString("hex")).toBe(vector.hex);
  });

  it.each(vectors.messages)("refuse $name when any bit of it is turned", (vector) => {
    const bytes = hex(vector.hex);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const bad = Buffer.from(bytes);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(readMessage(bad).ok, `bit ${bit}`).toBe(false);
    }
  });

  it.each(vectors.messages)("refuse $name cut anywhere, or with a byte more", (vector) => {
    const bytes = hex(vector.hex);
    for (let end = 0; end < bytes.length; end += 1) {
      expect(readMessage(bytes.subarray(0, end)).ok).toBe(false);
    }
    expect(readMessage(Buffer.concat([bytes, Buffer.alloc(1)])).ok).toBe(false);
  });

  it.each(vectors.commands)("hold that a board $name", ({ messageId, bodyHex, fields }) => {
    const read = readCommand(messageId, hex(bodyHex));
    if (!read.ok) throw read.error;
    expect(written(read.value)).toEqual(fields);
  });

  it.each(vectors.commands)("refuse bodies of any other length where it $name", (vector) => {
    const body = hex(vector.bodyHex);
    const optional = body.length - 8;
    for (let length = 0; length < body.length; length += 1) {
      // A heartbeat and a sub-device's report may come without the id at their end.
      if (vector.messageId >= 0xe5 && length === optional) continue;
      expect(readCommand(vector.messageId, body.subarray(0, length)).ok, `${length}`).toBe(false);
    }
    expect(readCommand(vector.messageId, Buffer.concat([body, Buffer.alloc(1)])).ok).toBe(false);
  });

  it.each(vectors.replies)("write the reply of $reply.type", ({ reply, bodyHex }) => {
    const session = hex(reply["session"] as string);
    const mac = hex((reply["mac"] as string | undefined) ?? "");
    const id = BigInt((reply["id"] as string | undefined) ?? 0);
    const body = writeReply({ ...reply, session, mac, id } as unknown as ClassicReply);
    expect(body.toString("hex")).toBe(bodyHex);
  });

  it.each(vectors.status)("hold the status event $type", ({ type, id, payloadHex, bodyHex }) => {
    const read = readStatus(hex(bodyHex));
    if (!read.ok) throw read.error;
    expect(written(read.value)).toEqual({ type, id, payload: payloadHex });
    expect(writeStatus(read.value).toString("hex")).toBe(bodyHex);
  });

  it.each(vectors.logins)("let $id log in at its time, and not a minute later", (vector) => {
    const rules = { secret: vector.secret, skewMax: 60, allowsNoClock: false };
    const { id, timestamp, timeout } = vector;
    const at = timestamp * 1000;
    const login = { id: BigInt(id), timestamp, timeout };
    expect(readLogin(vector.text, rules, at + 59_000)).toEqual({ ok: true, login });
    expect(readLogin(vector.text, rules, at + 60_000)).toMatchObject({ error: "timestamp" });
    const other = { ...rules, secret: "another" };
    expect(readLogin(vector.text, other, at)).toMatchObject({ error: "digest" });
  });
});
