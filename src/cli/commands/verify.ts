import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import { systemRandom } from "../../core/random.ts";
import { print } from "../output.ts";
import { action, globalOptions } from "../session.ts";
import { FULL, SHORT } from "../verify/extent.ts";
import { runMatrix } from "../verify/matrix.ts";
import { crashMatrixPage, describeMatrix, reportOf } from "../verify/report.ts";

const PAGE = fileURLToPath(new URL("../../../docs/crash-matrix.md", import.meta.url));
const KILLS_MAX = 10_000;
const SEED_MAX = 999_999;

interface VerifyOptions {
  readonly chaos?: boolean;
  readonly kills?: string;
  readonly seed?: string;
  readonly rows?: string;
  readonly short?: boolean;
  readonly write?: boolean;
}

/** `herald campaign verify`: proves the guarantees on this machine, in a temporary folder. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("break nodes of its own on purpose, and let an independent judge count")
    .option("--chaos", "crash, kill -9, freeze and mislead; without it nothing is done")
    .option("--kills <n>", `kills, crashes and freezes per guarantee; ${FULL.kills} by default`)
    .option("--seed <n>", "repeat the pauses and shuffles of an earlier run")
    .option("--rows <text>", 'only rows with this in "guarantee: fault"')
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
        const { extent, seed, command: typed } = askedOf(options);
        const json = globalOptions(command).json === true;
        const startedAt = performance.now();
        const say = (line: string): void => void process.stderr.write(`${line}\n`);
        const rows = await runMatrix({ extent, seed, rows: options.rows, say });
        const report = reportOf({ extent, seed, command: typed, startedAt }, rows);
        if (options.write === true) writeFileSync(PAGE, crashMatrixPage(report));
        print(json, report, describeMatrix);
        if (!report.met) process.exitCode = 1;
      }),
    );
}

function askedOf(options: VerifyOptions) {
  const { chaos, kills, seed, short, rows, write } = options;
  const problems: Problem[] = [];
  const integer = (path: string, text: string | undefined, [min, max]: [number, number]) => {
    if (text === undefined) return undefined;
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    problems.push({ path, expected: `${min} to ${max}`, got: text });
    return undefined;
  };
  if (chaos !== true) problems.push({ path: "--chaos", expected: "to be given", got: "nothing" });
  if (write === true && rows !== undefined) {
    problems.push({ path: "--write", expected: "every row", got: `--rows ${rows}` });
  }
  const count = integer("--kills", kills, [1, KILLS_MAX]);
  const given = integer("--seed", seed, [0, SEED_MAX]);
  if (problems.length > 0) throw new RuntimeError("cli.invalid", "cannot verify", { problems });
  const extent = short === true ? SHORT : FULL;
  const command = ["herald campaign verify --chaos"];
  if (short === true) command.push("--short");
  if (count !== undefined) command.push(`--kills ${count}`);
  return {
    extent: count === undefined ? extent : { ...extent, kills: count },
    seed: given ?? Math.floor(systemRandom() * (SEED_MAX + 1)),
    command: command.join(" "),
  };
}
