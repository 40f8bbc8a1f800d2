/** That each row and weakness of the replaced device proxy has its test, by title. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";
import { describe, expect, test } from "vitest";
import { FEATURES, type ShownBy, WEAKNESSES } from "./shown-by.ts";

const ROWS = [
  "WS login, heartbeat, kick",
  "UDP session/register/login/rename/heartbeat",
  "Binary frame codec + CRC-8",
  "Routing phone↔board, broadcast, family sharing",
  "15 phones per user / multi-login (Gree) / single login (dev)",
  "Online/offline events",
  "Msgbus cluster routing",
  "Upload queue with topic per msg id",
  "Service discovery + health",
  "Push from back end",
  "Bind/unbind live update",
  "UDP address lookup for P2P",
  "Status console",
  "HTTP platform",
];

interface Syntax {
  readonly type?: string;
  readonly [field: string]: unknown;
}

const files = new Map<string, ReadonlySet<string>>();

/** The titles of all tests of a file: calls of `test`, `it`, and what these return. */
function titlesOf(file: string): ReadonlySet<string> {
  const known = files.get(file);
  if (known !== undefined) return known;
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const titles = new Set<string>();
  collect(parseSync(path, readFileSync(path, "utf8")).program as unknown as Syntax, titles);
  files.set(file, titles);
  return titles;
}

function collect(value: unknown, titles: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  const syntax = value as Syntax;
  if (syntax.type === "CallExpression" && isTest(syntax["callee"] as Syntax)) {
    const [title] = syntax["arguments"] as readonly Syntax[];
    if (title?.type === "Literal") titles.add(String(title["value"]));
  }
  for (const child of Object.values(syntax)) collect(child, titles);
}

/** Whether this is `test`, `test.each`, or `test.each(...)`; not `test.skip`. */
function isTest(callee: Syntax): boolean {
  if (callee.type === "Identifier") return ["test", "it"].includes(String(callee["name"]));
  if (callee.type === "CallExpression") return isTest(callee["callee"] as Syntax);
  if (callee.type !== "MemberExpression") return false;
  const { name } = callee["property"] as Syntax;
  return name === "each" && isTest(callee["object"] as Syntax);
}

function missing(shownBy: ShownBy): string[] {
  return Object.entries(shownBy).flatMap(([file, titles]) =>
    titles.filter((title) => !titlesOf(file).has(title)).map((title) => `${file}: ${title}`),
  );
}

describe("of the replaced device proxy", () => {
  test("every row is in the table of what shows it, and nothing else is", () => {
    expect(Object.keys(FEATURES)).toEqual(ROWS);
  });

  test.each(ROWS)("the feature %s has a test that is named after it", (row) => {
    const shownBy = FEATURES[row]!;
    expect(missing(shownBy)).toEqual([]);
    expect(
      Object.values(shownBy)
        .flat()
        .some((title) => title.includes(row)),
    ).toBe(true);
  });

  test.each([1, 2, 3, 4, 5, 6, 7])("weakness %d has a test that is named after it", (weakness) => {
    const titles = WEAKNESSES.filter((claim) => claim.weakness === weakness).flatMap(
      ({ shownBy }) => Object.values(shownBy).flat(),
    );
    expect(titles.some((title) => title.startsWith(`weakness ${weakness}`))).toBe(true);
  });

  test.each(WEAKNESSES)("it is shown that not: $was", ({ shownBy }) => {
    expect(Object.values(shownBy).flat()).not.toEqual([]);
    expect(missing(shownBy)).toEqual([]);
  });

  test("a title that no test has is found to be missing", () => {
    const file = "seed/device-proxy.test.ts";
    expect(missing({ [file]: ["every row is anywhere"] })).toEqual([
      `${file}: every row is anywhere`,
    ]);
  });
});
