import { existsSync, globSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Command } from "commander";
import {
  BENCH_OPTIONS,
  type BenchOptions,
  type BenchReport,
  benchOptions,
  type TypedOptions,
} from "../../../bench/report.ts";
import { watched } from "../../../bench/watchdog.ts";
import { RuntimeError } from "../../core/errors.ts";
import { fields, print } from "../output.ts";
import { action, globalOptions } from "../session.ts";

const FOLDER = fileURLToPath(new URL("../../../bench/", import.meta.url));

/** Files beside the benchmarks that are not one. */
const NOT_A_BENCH = ["report", "watchdog"];

/** `herald bench`: measures this machine, us and the peers in one run. */
export function benchCommand(): Command {
  return new Command("bench")
    .description(`measure us and the peers in one run: ${names().join(", ")}`)
    .argument("[name]", "which one; without it they are listed")
    .option("--json", "print one JSON object")
    .option("--members <count>", BENCH_OPTIONS.members)
    .option("--sessions <count>", BENCH_OPTIONS.sessions)
    .option("--minutes <count>", BENCH_OPTIONS.minutes)
    .addHelpText("after", "\nExample:\n  herald bench kernel --json")
    .action(
      action(async (command, name?: string) => {
        const json = globalOptions(command).json === true;
        if (name === undefined) return print(json, { benches: names() }, listed);
        const bench = await load(name);
        const options = readOptions(command.opts<TypedOptions>());
        const report = await watched(name, () => bench.run(options), options.minutes);
        print(json, report, describe);
        if (!report.met) process.exitCode = 1;
      }),
    );
}

function names(): string[] {
  return globSync("*.ts", { cwd: FOLDER })
    .map((file) => basename(file, ".ts"))
    .filter((name) => !NOT_A_BENCH.includes(name))
    .sort();
}

function readOptions(typed: TypedOptions): BenchOptions {
  const options = benchOptions(typed);
  if (typeof options !== "string") return options;
  const expected = options === "minutes" ? "a number above 0" : "a whole number above 0";
  const problems = [{ path: options, expected, got: `${typed[options]}` }];
  throw new RuntimeError("cli.invalid", `--${options}: expected ${expected}`, { problems });
}

interface Bench {
  run(options: BenchOptions): Promise<BenchReport>;
}

async function load(name: string): Promise<Bench> {
  const file = join(FOLDER, `${name}.ts`);
  if (names().includes(name) && existsSync(file)) return import(pathToFileURL(file).href);
  const problems = [{ path: "name", expected: names().join(", "), got: name }];
  throw new RuntimeError("cli.invalid", `there is no bench ${name}`, { problems });
}

function listed({ benches }: { benches: string[] }): string {
  return benches.map((name) => `herald bench ${name} --json`).join("\n");
}

function describe(report: BenchReport): string {
  const { bench, figures, peers, ratios, goals, missing = {}, met } = report;
  const measured = Object.fromEntries(Object.entries(peers).filter(([, it]) => it !== null));
  const part = (title: string, values: object) =>
    Object.keys(values).length > 0 ? [title, fields({ ...values } as Record<string, number>)] : [];
  return [
    `${bench}: ${met ? "goals met" : "a goal is missed"}`,
    ...part("figures", figures),
    ...part("peers", measured),
    ...part("not measured", missing),
    ...part("ratios", ratios),
    ...part("goals", goals),
  ].join("\n");
}
