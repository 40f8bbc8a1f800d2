import { Command } from "commander";
import type { DemoFigures } from "../demo/run.ts";
import { display, fields, print } from "../output.ts";
import { action, globalOptions } from "../session.ts";

/** `herald demo`: the main job for real, with nothing to set up. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("a campaign to 10 000 members, 2 000 of them with devices, in under a minute")
    .option("--json", "print the figures as JSON")
    .addHelpText("after", "\nExample:\n  herald demo --json")
    .action(
      action(async (command) => {
        const json = globalOptions(command).json === true;
        const say = json ? () => {} : (line: string) => void process.stdout.write(`${line}\n`);
        // Loaded here, so that no other command needs what a node needs.
        const { runDemo } = await import("../demo/run.ts");
        const figures = await runDemo(json, say);
        print(json, figures, describe);
        if (!figures.ok) process.exitCode = 1;
      }),
    );
}

function describe({ ledger, ledgerGap, received, repeated, seconds, ok }: DemoFigures): string {
  const { accepted, ...ends } = ledger;
  const sum = Object.values(ends).map(display).join(" + ");
  return [
    "",
    "The ledger: every message accepted ended in exactly one place.",
    fields({ ...ledger }),
    `  ${display(accepted)} = ${sum}   ${ledgerGap === 0 ? "adds up" : `off by ${ledgerGap}`}`,
    `Devices received ${display(received)} messages, ${display(repeated)} of them twice.`,
    `${ok ? "All as it should be" : "Something is not as it should be"}, in ${seconds} s.`,
  ].join("\n");
}
