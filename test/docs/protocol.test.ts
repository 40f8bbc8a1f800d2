/** Holds `docs/protocol.md` to the code: codes, limits, frames and the examples it shows. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SESSION_LIMITS } from "../../src/actors/session/state.ts";
import { parseConfig } from "../../src/core/config.ts";
import { ERRORS } from "../../src/core/errors.ts";
import { CLOSE_CODES, mayReconnect } from "../../src/gateways/protocol/close-codes.ts";
import { SUBPROTOCOLS } from "../../src/gateways/protocol/frames.ts";
import { jsonCodec } from "../../src/gateways/protocol/json.ts";
import { WIRE_LIMITS } from "../../src/gateways/protocol/limits.ts";
import { CONNECT_PATH } from "../../src/gateways/websocket/gateway.ts";

const PAGE = readFileSync("docs/protocol.md", "utf8");
const FRAMES = readFileSync("src/gateways/protocol/frames.ts", "utf8");
const REQUESTS = readFileSync("src/core/device-request.ts", "utf8");

describe("docs/protocol.md", () => {
  test("lists every close code with its reason and advice, and no other", () => {
    const rows = [...PAGE.matchAll(/^\| (\d{4}) \| `([a-z-]+)` \| (yes|no) \|/gm)];
    const told = Object.fromEntries(rows.map(([, code, reason]) => [reason, Number(code)]));
    expect(told).toEqual(CLOSE_CODES);
    for (const [, code, , again] of rows) {
      expect(again, code).toBe(mayReconnect(Number(code)) ? "yes" : "no");
    }
  });

  test("names error codes that exist", () => {
    const [, section = ""] = PAGE.split("<!-- error codes: held to the code by a test -->");
    const codes = [...section.split("\n## ")[0]!.matchAll(/^\| `([a-z.-]+)` \|/gm)];
    expect(codes.length).toBeGreaterThan(5);
    for (const [, code] of codes) expect(ERRORS, code).toHaveProperty([code!]);
  });

  test("names the path, both subprotocols and every frame", () => {
    expect(PAGE).toContain(CONNECT_PATH);
    for (const name of Object.values(SUBPROTOCOLS)) expect(PAGE).toContain(name);
    for (const [, type] of FRAMES.matchAll(/readonly type: "([a-z]+)"/g)) {
      expect(PAGE, type).toContain(`### ${type}\n`);
    }
  });

  test("names every frame between devices, topics and the back end", () => {
    const named = [...REQUESTS.matchAll(/readonly type: ("[a-z]+"(?: \| "[a-z]+")*)/g)];
    const types = named.flatMap(([, union]) => union!.match(/[a-z]+/g)!);
    expect(types.length).toBeGreaterThan(20);
    for (const type of types) expect(PAGE, type).toMatch(new RegExp(`\`${type}\`|### .*${type}`));
  });

  test("tells of every field that a frame has", () => {
    for (const [, field] of (FRAMES + REQUESTS).matchAll(/^ {6,8}readonly ([A-Za-z]+)\??:/gm)) {
      expect(PAGE, field).toMatch(new RegExp(`\`${field}\`|\\b${field}\\b`));
    }
  });

  test("states the limits that there are", () => {
    const { websocket, session, inbox } = parseConfig({}, {});
    const number = (value: number) => value.toLocaleString("en-US").replaceAll(",", " ");
    expect(PAGE).toContain(`| ${number(websocket.frameBytesMax)} bytes |`);
    expect(PAGE).toContain(`| ${websocket.framesPerSecond}, ${websocket.framesBurst} |`);
    expect(PAGE).toContain(`| ${number(websocket.unsentBytesMax)} |`);
    expect(PAGE).toContain(`outlives its connection by ${session.graceMs / 1000} seconds`);
    expect(PAGE).toContain(`at most ${session.retainedMax} pushes that are not acked`);
    expect(PAGE).toContain(`An inbox holds\n${inbox.perUserMax} by default`);
    expect(PAGE).toContain(`string, 1 to ${WIRE_LIMITS.credentialMax}`);
    expect(PAGE).toContain(`string, 1 to ${WIRE_LIMITS.nameMax}`);
    expect(PAGE).toContain(`at most ${WIRE_LIMITS.ackOffsetsMax} integers`);
    expect(PAGE).toContain(`string, at most ${WIRE_LIMITS.addressMax}`);
    expect(PAGE).toContain(`integer, 1 to ${number(WIRE_LIMITS.answerWithinMsMax)}`);
    expect(PAGE).toContain(`integer, 1 to ${number(WIRE_LIMITS.keepMsMax)}`);
    expect(PAGE).toContain(`string, 1 to ${WIRE_LIMITS.answerErrorMax}`);
    expect(PAGE).toContain(`${SESSION_LIMITS.requestsMax} of yours are on their way`);
    expect(PAGE).toContain(`the frame included | ${WIRE_LIMITS.depthMax} |`);
  });

  test("shows frames that the server takes, and errors that it gives", () => {
    const shown = [...PAGE.matchAll(/```json\n([\s\S]*?)```/g)].flatMap(([, text]) =>
      text!.trim().split(/\n(?=\{)/),
    );
    const fromDevice = shown.filter((text) =>
      /"type":"(hello|ack|ping|send|answer|who)"/.test(text),
    );
    expect(fromDevice.length).toBeGreaterThan(2);
    for (const text of fromDevice) expect(decode(text).ok, text).toBe(true);
    for (const text of shown) expect(() => JSON.parse(text), text).not.toThrow();

    const refused = decode('{"type":"ack","upTo":-3}');
    const told = shown.map((text) => JSON.parse(text)).find(({ type }) => type === "error");
    expect(!refused.ok && refused.error.message).toBe(told.message);
  });
});

function decode(text: string) {
  const bytes = new TextEncoder().encode(text);
  return jsonCodec.decode(bytes.buffer.slice(0, bytes.byteLength));
}
