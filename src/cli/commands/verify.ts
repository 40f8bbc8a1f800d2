import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { RuntimeError } from "../../core/errors.ts";
import { print } from "../output.ts";
import { action, globalOptions } from "../session.ts";
import { FULL, runMatrix, SHORT } from "../verify/matrix.ts";
import { crashMatrixPage, describeMatrix, reportOf } from "../verify/report.ts";

const PAGE = fileURLToPath(new URL("../../../docs/crash-matrix.md", import.meta.url));
const KILLS_MAX = 10_000;

interface VerifyOptions {
  readonly chaos?: boolean;
  readonly kills?: string;
  readonly short?: boolean;
  readonly write?: boolean;
}

/** `herald campaign verify`: proves the guarantees on this machine, in a temporary folder. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("break nodes of its own on purpose, and let an independent judge count")
    .option("--chaos", "crash, kill -9, freeze and mislead; without it nothing is done")
    .option("--kills <n>", `kills and crashes of each kind per guarantee; ${FULL.kills} by default`)
    .option("--short", "a form of about a minute, as CI runs it")
    .option("--write", "write docs/crash-matrix.md")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
It starts its own node in a temporary folder and touches no other. Exit code 1 when a guarantee
does not hold.

Examples:
  herald campaign verify --chaos --short
  herald campaign verify --chaos --kills 100 --write`,
    )
    .action(
      action(async (command) => {
        const options = command.opts<VerifyOptions>();
        const extent = extentOf(options);
        const json = globalOptions(command).json === true;
        const startedAt = performance.now();
        const rows = await runMatrix(extent, (line) => process.stderr.write(`${line}\n`));
        const report = reportOf(extent, rows, startedAt);
        if (options.write === true) writeFileSync(PAGE, crashMatrixPage(report));
        print(json, report, describeMatrix);
        if (!report.met) process.exitCode = 1;
      }),
    );
}

function extentOf({ chaos, kills, short }: VerifyOptions) {
  const problems = [];
  if (chaos !== true) problems.push({ path: "--chaos", expected: "to be given", got: "nothing" });
  const count = kills === undefined ? undefined : Number(kills);
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= KILLS_MAX)) {
    problems.push({ path: "--kills", expected: `1 to ${KILLS_MAX}`, got: kills ?? "" });
  }
  if (problems.length > 0) throw new RuntimeError("cli.invalid", "cannot verify", { problems });
  const extent = short === true ? SHORT : FULL;
  return count === undefined ? extent : { ...extent, kills: count };
}
