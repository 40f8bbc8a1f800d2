import { Command } from "commander";
import { loadConfig } from "../config-file.ts";
import { print } from "../output.ts";
import { action, globalOptions } from "../session.ts";

/** `herald check-config`: exit code 0 when the configuration is valid, 1 with every problem. */
export function checkConfigCommand(): Command {
  return new Command("check-config")
    .description("check the configuration file and the environment; exit code 0 or 1")
    .argument("[file]", "configuration file; herald.yaml when it is there")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  herald check-config herald.yaml && herald start")
    .action(
      action(async (command, given?: string) => {
        const { config, file } = loadConfig(given);
        const { auth, ...open } = config;
        const shown = { ...open, auth: { ...auth, ...(auth.secret && { secret: "(set)" }) } };
        print(globalOptions(command).json === true, { ok: true, file, config: shown }, () =>
          file === undefined ? "ok: no file, defaults and environment" : `ok: ${file}`,
        );
      }),
    );
}
