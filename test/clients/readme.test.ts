import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DEFAULT_BACKOFF } from "../../clients/js/src/backoff.ts";
import { HeraldClient } from "../../clients/js/src/client.ts";
import { readOptions } from "../../clients/js/src/options.ts";

const FOLDER = new URL("../../clients/js/", import.meta.url);
const README = read("README.md");

test("the README has a row for every option, and for no other", () => {
  const source = read("src/options.ts").split("export interface ClientOptions {")[1]!;
  const options = [...source.split("\n}")[0]!.matchAll(/^ {2}readonly (\w+)\??:/gm)];
  expect(rows("## Options")).toEqual(options.map(([, name]) => name));
});

test("the README has a row for every member of the client, and for no other", () => {
  const members = Object.getOwnPropertyNames(HeraldClient.prototype);
  expect(rows("## The client").sort()).toEqual(
    members.filter((name) => name !== "constructor").sort(),
  );
});

test("the defaults that the README states are those of the code", () => {
  const settings = readOptions({ url: "ws://localhost", credential: "a", device: "b" });
  const { minMs, maxMs, factor } = DEFAULT_BACKOFF;
  expect(cell("ackDelayMs")).toBe(settings.ackDelayMs);
  expect(cell("unhandledMax")).toBe(settings.unhandledMax);
  expect(cell("connectTimeoutMs")).toBe(settings.connectTimeoutMs);
  expect(README).toContain(`| \`backoff\` | ${minMs}, ${maxMs / 1000} 000, ${factor} |`);
  expect(settings.codec.subprotocol).toBe("herald.v1.json");
  expect(settings.manual).toBe(false);
  expect(settings.url).toBe("ws://localhost/v1/connect");
});

test("every code of an error of this side is explained where it is declared", () => {
  const source = read("src/errors.ts");
  const codes = [...source.matchAll(/^ {2}\| "(client\.\w+)"/gm)].map(([, code]) => code);
  const explained = [...source.matchAll(/^ \* \| `(client\.\w+)`/gm)].map(([, code]) => code);
  expect(explained).toEqual(codes);
  expect(codes.length).toBeGreaterThan(5);
});

/** First cells of the table under a heading, without their code marks and arguments. */
function rows(heading: string): string[] {
  const section = README.split(`${heading}\n`)[1]!.split("\n## ")[0]!;
  return [...section.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name!);
}

/** The number in the second cell of an option's row. */
function cell(option: string): number {
  const row = README.split("\n").find((line) => line.startsWith(`| \`${option}\` |`))!;
  return Number(row.split("|")[2]!.replaceAll(" ", ""));
}

function read(name: string): string {
  return readFileSync(fileURLToPath(new URL(name, FOLDER)), "utf8");
}
