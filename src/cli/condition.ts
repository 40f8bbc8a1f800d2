import { readFileSync } from "node:fs";
import { RuntimeError } from "../core/errors.ts";

/** A condition as a command line gives it: JSON, or `@` and the name of a file with JSON. */
export function readCondition(text: string): unknown {
  try {
    return JSON.parse(text.startsWith("@") ? readFileSync(text.slice(1), "utf8") : text);
  } catch (cause) {
    const problem = { path: "condition", expected: "JSON, or @file", got: text.slice(0, 80) };
    const message = `the condition is no JSON: ${String(cause)}`;
    throw new RuntimeError("cli.invalid", message, { cause, problems: [problem] });
  }
}
