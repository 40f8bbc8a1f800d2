import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readCondition } from "../../src/core/condition.ts";
import { explain } from "../../src/core/condition-words.ts";

const page = readFileSync(new URL("../../docs/conditions.md", import.meta.url), "utf8");
const rows = [...page.matchAll(/^\| `(\{.*?\})` \|/gm)].map(([, text]) => text!);

test("the page has an example of each kind of condition", () => {
  const kinds = ["all", "any", "not", "attr", "tag", "anyTag", "lastSeen", "audience", "sample"];
  expect(new Set(rows.map((text) => /^\{"(\w+)"/.exec(text)?.[1]))).toEqual(new Set(kinds));
});

test.each(rows)("%s is a condition", (text) => {
  const whole = text.replace("[...]", "[]").replace(": ...", ': {"tag": "x"}');
  const condition = readCondition(JSON.parse(whole));
  expect(explain(condition)).not.toBe("");
});
