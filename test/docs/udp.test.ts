/** Holds `docs/udp.md` to the code: packets, parts, sizes and limits. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/core/config.ts";
import { WINDOW } from "../../src/gateways/udp/outgoing.ts";
import * as packet from "../../src/gateways/udp/packet.ts";
import { PACKET, REFUSALS } from "../../src/gateways/udp/packet.ts";
import { FRAME_MAX, PART } from "../../src/gateways/udp/payload.ts";
import { RANGES_MAX, REPLAY_WINDOW } from "../../src/gateways/udp/received.ts";

const PAGE = readFileSync("docs/udp.md", "utf8");
const { udp } = parseConfig({}, {});
const number = (value: number) => value.toLocaleString("en-US").replaceAll(",", " ");

describe("docs/udp.md", () => {
  test("lists every type of packet and part with its number, and no other", () => {
    const rows = [...PAGE.matchAll(/^\| (\d) \| ([a-z]+) \|/gm)].map(([, type, name]) => [
      name,
      Number(type),
    ]);
    expect(rows).toEqual([...Object.entries(PACKET), ...Object.entries(PART)]);
  });

  test("tells why a start is refused", () => {
    const told = Object.entries(REFUSALS).map(([name, code]) => `${code} ${name}`);
    expect(PAGE).toContain(`reason: ${told.join(", ")}`);
  });

  test("states the sizes that there are", () => {
    expect(PAGE).toContain(`A datagram is at most ${packet.DATAGRAM_MAX} bytes`);
    expect(PAGE).toContain(`zeros up to ${packet.OPENING_MIN} bytes in all`);
    expect(PAGE).toContain(`device nonce ${packet.NONCE_BYTES}, cookie ${packet.COOKIE_BYTES}`);
    expect(PAGE).toContain(`at most ${FRAME_MAX} bytes of\nframe`);
    expect(PAGE).toContain(`There are 1 to ${RANGES_MAX}`);
    expect(PAGE).toContain(`more than ${REPLAY_WINDOW} below`);
    expect(PAGE).toContain(`at most ${WINDOW} that came early`);
  });

  test("states the limits of the configuration", () => {
    expect(PAGE).toContain(`the port (${udp.port})`);
    expect(PAGE).toContain(`| ${number(udp.sessionsMax)} | \`udp.sessionsMax\` |`);
    expect(PAGE).toContain(`| ${udp.handshakesPerSecond}, ${udp.handshakesBurst} |`);
    expect(PAGE).toContain(`| ${udp.framesPerSecond}, ${udp.framesBurst} |`);
    expect(PAGE).toContain(`| ${number(udp.unsentBytesMax)} |`);
    expect(PAGE).toContain(`| ${udp.heartbeatMs / 1000} s | \`udp.heartbeatMs\` |`);
    expect(PAGE).toContain(`| ${udp.helloTimeoutMs / 1000} s | \`udp.helloTimeoutMs\` |`);
    expect(PAGE).toContain(`| ${udp.attemptsMax} | \`udp.attemptsMax\` |`);
  });

  test("shows JSON that can be read", () => {
    const shown = [...PAGE.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => text!);
    expect(shown.length).toBe(2);
    for (const text of shown) expect(() => JSON.parse(text), text).not.toThrow();
  });
});
