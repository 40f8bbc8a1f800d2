import { Command } from "commander";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import { instant, print, readDuration, table } from "../output.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** `herald node`: empties a node that is to be replaced, and takes devices again. */
export function nodeCommand(): Command {
  return new Command("node")
    .description("send a node's devices elsewhere, or take them again")
    .addCommand(drainCommand())
    .addCommand(resumeCommand());
}

interface Draining {
  readonly connections: number;
}

function drainCommand(): Command {
  return talksToNode(new Command("drain"))
    .description("send the devices away over time, and take no more")
    .option("--to <url>", "where they are to connect instead, as wss://…")
    .option("--within <duration>", "all are gone after so long", "1m")
    .addHelpText(
      "after",
      "\nExample:\n  herald node drain --to wss://two.example.com/v1/connect --within 5m",
    )
    .action(
      action(async (command) => {
        const { to: url, within } = globalOptions(command) as { to?: string; within: string };
        const problems: Problem[] = [];
        const withinMs = readDuration("--within", within, problems);
        if (problems.length > 0) {
          throw new RuntimeError("cli.invalid", "--within: expected a duration", { problems });
        }
        const body = { url, withinMs };
        const answer = await apiOf(globalOptions(command)).post<Draining>("/v1/node/drain", body);
        print(
          globalOptions(command).json === true,
          answer,
          ({ connections }) => `${connections} connections are sent away`,
        );
      }),
    );
}

function resumeCommand(): Command {
  return talksToNode(new Command("resume"))
    .description("take devices again after a drain")
    .addHelpText("after", "\nExample:\n  herald node resume")
    .action(
      action(async (command) => {
        const answer = await apiOf(globalOptions(command)).delete<Draining>("/v1/node/drain");
        print(
          globalOptions(command).json === true,
          answer,
          ({ connections }) => `the node takes devices; ${connections} are connected`,
        );
      }),
    );
}

/** `herald bans`: who connects too often and is refused. */
export function bansCommand(): Command {
  return new Command("bans")
    .description("show and lift bans of who connects too often")
    .addCommand(listCommand())
    .addCommand(liftCommand());
}

interface Bans {
  readonly items: readonly {
    readonly kind: "address" | "principal";
    readonly name: string;
    readonly connects: number;
    readonly until: number;
  }[];
  readonly total: number;
}

function listCommand(): Command {
  return talksToNode(new Command("list"))
    .description("list who is refused, those first that were banned last")
    .addHelpText("after", "\nExample:\n  herald bans list")
    .action(
      action(async (command) => {
        const bans = await apiOf(globalOptions(command)).get<Bans>("/v1/bans");
        print(globalOptions(command).json === true, bans, ({ items, total }) =>
          total === 0
            ? "nobody is banned"
            : table(
                ["kind", "name", "connects", "until"],
                items.map(({ kind, name, connects, until }) => [
                  ...[kind, name, String(connects), instant(until)],
                ]),
              ),
        );
      }),
    );
}

function liftCommand(): Command {
  return talksToNode(new Command("lift"))
    .description("let somebody connect again at once")
    .argument("<kind>", "address or principal")
    .argument("<name>", "the address, user, or board: and its id")
    .addHelpText("after", "\nExample:\n  herald bans lift principal m-00001")
    .action(
      action(async (command, kind: string, name: string) => {
        const path = `/v1/bans/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`;
        const answer = await apiOf(globalOptions(command)).delete<{ lifted: true }>(path);
        print(globalOptions(command).json === true, answer, () => "lifted");
      }),
    );
}
