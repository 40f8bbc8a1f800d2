import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { RuntimeError } from "../core/errors.ts";
import { ApiClient } from "./api.ts";
import { loadConfig } from "./config-file.ts";
import { printError } from "./output.ts";

/** The file in the data folder that holds the first admin token, readable by its owner only. */
export const TOKEN_FILE = "admin-token";

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly token?: string;
  readonly config?: string;
}

export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

/** Adds the options of a command that talks to a running node. */
export function talksToNode(command: Command): Command {
  return command
    .option("--url <url>", "the node's address (or HERALD_URL)")
    .option("--token <token>", "an API token (or HERALD_TOKEN, or the data folder's admin-token)")
    .option("--config <file>", "configuration file, to find the node and its data folder")
    .option("--json", "print JSON");
}

/**
 * The API of the node that the options, the environment or the configuration name; the token,
 * unless given, is the one that the node's first start left in its data folder.
 */
export function apiOf(options: GlobalOptions): ApiClient {
  const given = options.url ?? process.env["HERALD_URL"];
  const token = options.token ?? process.env["HERALD_TOKEN"];
  if (given !== undefined) checkUrl(given);
  if (given !== undefined && token !== undefined) return new ApiClient({ url: given, token });
  const { config } = loadConfig(options.config);
  const { host, port, certFile } = config.listen;
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return new ApiClient({
    url: given ?? `${certFile === undefined ? "http" : "https"}://${reachable}:${port}`,
    token: token ?? readToken(config.node.dataDir),
  });
}

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  const problem = { path: "--url", expected: "an address as http://127.0.0.1:9010", got: url };
  throw new RuntimeError("cli.invalid", `not an address: ${url}`, { problems: [problem] });
}

/** Runs a command's action; what it throws is printed with advice, and the exit code is 1. */
export function action<Args extends readonly unknown[]>(
  run: (command: Command, ...args: Args) => Promise<void>,
): (...all: unknown[]) => Promise<void> {
  return async (...all) => {
    const command = all.at(-1) as Command;
    try {
      await run(command, ...(all.slice(0, -2) as unknown as Args));
    } catch (thrown) {
      printError(thrown, globalOptions(command).json === true);
      process.exitCode = 1;
    }
  };
}

function readToken(dataDir: string): string | undefined {
  const file = join(dataDir, TOKEN_FILE);
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}
