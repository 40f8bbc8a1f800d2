import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import packageJson from "../../../package.json" with { type: "json" };
import type { RunningNode } from "../../main.ts";
import { type LoadedConfig, loadConfig, type Overrides } from "../config-file.ts";
import { print } from "../output.ts";
import { action, globalOptions, TOKEN_FILE } from "../session.ts";

/** `herald start`: a node in the foreground until Ctrl-C or SIGTERM. */
export function startCommand(): Command {
  return new Command("start")
    .description("start a node: HTTP and WebSocket on 127.0.0.1:9010, data under ./data")
    .option("--config <file>", "configuration file; herald.yaml when it is there")
    .option("--port <port>", "listen there instead")
    .option("--data <folder>", "keep the data there instead")
    .option("--json", "print where things are as JSON")
    .addHelpText("after", "\nExample:\n  herald start --config herald.yaml --port 9020")
    .action(
      action(async (command) => {
        const options = command.opts<{ config?: string; port?: string; data?: string }>();
        const overrides: Overrides = {
          ...(options.port === undefined ? {} : { HERALD_LISTEN_PORT: options.port }),
          ...(options.data === undefined ? {} : { HERALD_NODE_DATA_DIR: options.data }),
        };
        const loaded = loadConfig(options.config, overrides);
        // The data folder holds secrets: what is created in it is for this user only.
        process.umask(0o077);
        // A node outlives whoever reads what it says, and the disk that this is written to.
        for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
        // Loaded here, so that no other command needs what a node needs.
        const { startNode } = await import("../../main.ts");
        // Before anybody can know that there is something to stop.
        const signal = firstSignal();
        const failure = Promise.withResolvers<never>();
        failure.promise.catch(() => {});
        const node = await startNode(loaded.config, {
          version: packageJson.version,
          onFailure: failure.reject,
        });
        try {
          const tokenFile = keepToken(node, loaded);
          greet(globalOptions(command).json === true, node, loaded, tokenFile);
          await Promise.race([signal, failure.promise]);
        } finally {
          await node.stop();
        }
      }),
    );
}

/** Leaves the first admin token where the CLI finds it; returns the file when it did. */
function keepToken(node: RunningNode, { config }: LoadedConfig): string | undefined {
  if (node.firstAdminToken === undefined) return undefined;
  const file = join(config.node.dataDir, TOKEN_FILE);
  writeFileSync(file, `${node.firstAdminToken}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return file;
}

function greet(
  json: boolean,
  node: RunningNode,
  { config, file }: LoadedConfig,
  tokenFile: string | undefined,
): void {
  const data = resolve(config.node.dataDir);
  const places = {
    http: node.url,
    websocket: `${node.url.replace("http", "ws")}/v1/connect`,
    docs: `${node.url}/docs`,
    data,
    config: file ?? "defaults",
    ...(node.firstAdminToken === undefined ? {} : { adminToken: node.firstAdminToken }),
  };
  print(json, places, () =>
    [
      `Herald is running. Stop it with Ctrl-C.`,
      `  HTTP API    ${places.http}   (read it at ${places.docs})`,
      `  WebSocket   ${places.websocket}`,
      `  Data        ${data}`,
      `  Config      ${places.config}`,
      ...(tokenFile === undefined
        ? []
        : [
            `  Admin token ${node.firstAdminToken}`,
            `              shown once; kept for this machine's CLI in ${tokenFile}`,
          ]),
    ].join("\n"),
  );
}

/** Resolves with the first signal to stop; a second one ends the process at once. */
function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = () => {
      if (stopping) process.exit(130);
      stopping = true;
      process.stderr.write("Draining; once more to stop at once.\n");
      resolve();
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
  });
}
