import { existsSync, readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { type Config, parseConfig } from "../core/config.ts";
import { RuntimeError } from "../core/errors.ts";

const DEFAULT_FILE = "herald.yaml";

/** The configuration and where it came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read; undefined when there is none and defaults apply. */
  readonly file: string | undefined;
}

/**
 * Reads the given file, or the one that `HERALD_CONFIG` names, or `herald.yaml` if it is there;
 * then the environment's overrides.
 *
 * @throws RuntimeError `config.invalid` with every problem.
 */
export function loadConfig(given: string | undefined, overrides: Overrides = {}): LoadedConfig {
  const file = given ?? process.env["HERALD_CONFIG"] ?? presentFile();
  const document = file === undefined ? undefined : readYaml(file);
  return { config: parseConfig(document, { ...process.env, ...overrides }), file };
}

/** Values from the command line, as the environment variables that they stand for. */
export type Overrides = Readonly<Record<`HERALD_${string}`, string>>;

function presentFile(): string | undefined {
  return existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined;
}

function readYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const problem = { path: file, expected: "a file that can be read", got: String(cause) };
    throw new RuntimeError("config.invalid", `cannot read ${file}`, { cause, problems: [problem] });
  }
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length === 0) return document.toJS({ maxAliasCount: 100 });
  const problems = document.errors.map((error) => ({
    path: `${file}:${error.linePos?.[0].line ?? 1}`,
    expected: "YAML",
    got: error.message.split("\n")[0] ?? "",
  }));
  throw new RuntimeError("config.invalid", `${file} is not YAML`, { problems });
}
