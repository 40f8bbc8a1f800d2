/** Holds `docs/protocol-classic.md` to the code: numbers, codes, limits and reasons. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/core/config.ts";
import { STATUS_EVENTS } from "../../src/core/relations.ts";
import { COMMANDS, REPLY_CODES } from "../../src/gateways/classic/commands.ts";
import { LOGIN_ERRORS } from "../../src/gateways/classic/login.ts";

const PAGE = readFileSync("docs/protocol-classic.md", "utf8");
const { classic } = parseConfig({}, {});

/** The first two cells of all rows whose first cell fits. */
function rows(first: RegExp): (readonly [string, string])[] {
  return [...PAGE.matchAll(/^\| ([^|]+?) \| ([^|]*?) \|/gm)]
    .filter(([, cell]) => first.test(cell!))
    .map(([, cell, next]) => [cell!, next!] as const);
}

describe("docs/protocol-classic.md", () => {
  test("names every status event with its number", () => {
    const told = rows(/^\d+$/).filter(([, name]) => /^`.*`$/.test(name));
    const events = Object.entries(STATUS_EVENTS).map(([name, type]) => [`${type}`, `\`${name}\``]);
    expect(told).toEqual(events);
  });

  test("names every command with its id, and every code of a reply", () => {
    const commands = rows(/^0xE\d$/).map(([id]) => Number(id));
    expect(commands).toEqual(Object.values(COMMANDS));
    for (const code of Object.values(REPLY_CODES)) expect(PAGE).toMatch(new RegExp(`\\b${code} `));
  });

  test("says when each byte of a refused log-in is sent, or that it is not", () => {
    const section = PAGE.slice(PAGE.indexOf("## WebSocket"), PAGE.indexOf("The text `p`"));
    const sent = [...section.matchAll(/^\| (\d+) \|/gm)].map(([, byte]) => Number(byte));
    const { type, second, "forced-offline": forced, ...others } = LOGIN_ERRORS;
    expect(sent).toEqual(Object.values(others));
    expect(section).toContain(`${type}, ${second} and ${forced} (`);
  });

  test("states the limits of the configuration", () => {
    const pairs = [
      ["messages of a device", classic.framesPerSecond, classic.framesBurst],
      ["log-ins from an address", classic.loginsPerSecond, classic.loginsBurst],
      ["datagrams from an address", classic.datagramsPerSecond, classic.datagramsBurst],
    ] as const;
    for (const [what, perSecond, atOnce] of pairs) {
      expect(PAGE).toContain(`| ${what} per second, at once | ${perSecond}, ${atOnce} |`);
    }
    expect(PAGE).toContain(`| largest message | ${classic.messageBytesMax} bytes |`);
    expect(PAGE).toContain(`| connections from an address | ${classic.connectionsPerAddress} |`);
    expect(PAGE).toContain(`on port ${classic.udpPort} (`);
    expect(PAGE).toContain(`after ${classic.udpSilenceMs / 1000} s (\`classic.udpSilenceMs\`)`);
    expect(PAGE).toContain(
      `within ${classic.loginTimeoutMs / 1000} s (\`classic.loginTimeoutMs\`)`,
    );
    expect(PAGE).toContain(`\`classic.clockSkewSeconds\` (${classic.clockSkewSeconds})`);
  });

  test("names every setting that it speaks of as it is", () => {
    const named = [...PAGE.matchAll(/`classic\.([a-zA-Z]+)`/g)].map(([, name]) => name!);
    for (const name of named) expect({ ...classic, secret: "" }, name).toHaveProperty(name);
  });

  test("shows JSON that can be read", () => {
    const [, shown] = /```json\n([\s\S]*?)```/.exec(PAGE)!;
    expect(JSON.parse(shown!)).toMatchObject({ topic: "classic" });
  });
});
