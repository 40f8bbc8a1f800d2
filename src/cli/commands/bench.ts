import { existsSync, globSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Command } from "commander";
import type { BenchReport } from "../../../bench/report.ts";
import { RuntimeError } from "../../core/errors.ts";
import { fields, print } from "../output.ts";
import { action, globalOptions } from "../session.ts";

const FOLDER = fileURLToPath(new URL("../../../bench/", import.meta.url));

/** Files beside the benchmarks that are not one. */
const NOT_A_BENCH = ["report"];

/** `herald bench`: measures this machine, us and the peers in one run. */
export function benchCommand(): Command {
  return new Command("bench")
    .description(`measure us and the peers in one run: ${names().join(", ")}`)
    .argument("[name]", "which one; without it they are listed")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  herald bench kernel --json")
    .action(
      action(async (command, name?: string) => {
        const json = globalOptions(command).json === true;
        if (name === undefined) return print(json, { benches: names() }, listed);
        const report = await load(name).then((bench) => bench.run());
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

async function load(name: string): Promise<{ run(): Promise<BenchReport> }> {
  const file = join(FOLDER, `${name}.ts`);
  if (names().includes(name) && existsSync(file)) return import(pathToFileURL(file).href);
  const problems = [{ path: "name", expected: names().join(", "), got: name }];
  throw new RuntimeError("cli.invalid", `there is no bench ${name}`, { problems });
}

function listed({ benches }: { benches: string[] }): string {
  return benches.map((name) => `herald bench ${name} --json`).join("\n");
}

function describe({ bench, figures, peers, ratios, goals, met }: BenchReport): string {
  const part = (title: string, values: object) =>
    Object.keys(values).length > 0 ? [title, fields({ ...values } as Record<string, number>)] : [];
  return [
    `${bench}: ${met ? "goals met" : "a goal is missed"}`,
    ...part("figures", figures),
    ...part("peers", peers),
    ...part("ratios", ratios),
    ...part("goals", goals),
  ].join("\n");
}
