import { Command } from "commander";
import type { Campaign, SpecVersion, Transition } from "../../actors/master/messages.ts";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import type { PageOf } from "../../persistence/ports/audience.ts";
import { fields, instant, print } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** What can be changed of a campaign after it was made. */
export function changeCommands(): Command[] {
  return [editCommand(), resizeCommand(), versionsCommand(), logCommand()];
}

interface EditOptions {
  readonly set?: string;
  readonly remove?: string[];
  readonly expect?: string;
  readonly why?: string;
}

function editCommand(): Command {
  return talksToNode(new Command("edit"))
    .description("change what a campaign that does not run sends; makes a new version")
    .argument("<id>", "the campaign's id")
    .option("--set <json>", "fields of a campaign, as the HTTP API has them; the rest stays")
    .option("--remove <part...>", "optional parts to take away: arms, cap, schedule ...")
    .option("--expect <version>", "refuse when somebody else has edited it meanwhile")
    .option("--why <reason>", "kept in the campaign's log")
    .addHelpText(
      "after",
      `
Examples:
  herald campaign edit cmp_9fQ... --set '{"payload":{"title":"Hello again"}}'
  herald campaign edit cmp_9fQ... --set '{"rate":200}' --remove cap --expect 2`,
    )
    .action(
      action(async (command, id: string) => {
        const { set, remove = [], expect, why } = command.opts<EditOptions>();
        const problems: Problem[] = [];
        const changes = set === undefined ? {} : jsonObject(set, problems);
        const body = {
          ...changes,
          // Null takes an optional part away.
          ...Object.fromEntries(remove.map((part) => [part, null])),
          expectedVersion: whole("--expect", expect, problems),
          why,
        };
        if (problems.length > 0) throw invalid(problems);
        const campaign = await apiOf(globalOptions(command)).patch<Campaign>(pathOf(id), body);
        print(globalOptions(command).json === true, campaign, ({ name, state, version }) =>
          fields({ name, state, version }),
        );
      }),
    );
}

function resizeCommand(): Command {
  return talksToNode(new Command("resize"))
    .description("change the number of workers or the rate, also while it runs")
    .argument("<id>", "the campaign's id")
    .option("--workers <n>", "workers that push in parallel")
    .option("--rate <n>", "messages per second, 0 for no limit")
    .option("--why <reason>", "kept in the campaign's log")
    .addHelpText("after", "\nExample:\n  herald campaign resize cmp_9fQ... --workers 8 --rate 2000")
    .action(
      action(async (command, id: string) => {
        const options = command.opts<{ workers?: string; rate?: string; why?: string }>();
        const problems: Problem[] = [];
        const body = {
          workers: whole("--workers", options.workers, problems),
          rate: whole("--rate", options.rate, problems),
          why: options.why,
        };
        if (problems.length > 0) throw invalid(problems);
        const campaign = await apiOf(globalOptions(command)).post<Campaign>(
          `${pathOf(id)}/pace`,
          body,
        );
        print(globalOptions(command).json === true, campaign, ({ name, state, workers, rate }) =>
          fields({ name, state, workers, rate: rate === 0 ? "no limit" : rate }),
        );
      }),
    );
}

function versionsCommand(): Command {
  return listsPages(talksToNode(new Command("versions")))
    .description("list what it said before and after each edit, oldest first")
    .argument("<id>", "the campaign's id")
    .addHelpText("after", "\nExample:\n  herald campaign versions cmp_9fQ... --json")
    .action(
      action(async (command, id: string) => {
        const path = pagePath(`${pathOf(id)}/versions`, command);
        const page = await apiOf(globalOptions(command)).get<PageOf<SpecVersion>>(path);
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(
            ["version", "when", "by", "why", "payload"],
            items.map(({ version, at, by, why, spec }) => [
              ...[String(version), instant(at), by, why, JSON.stringify(spec.payload)],
            ]),
            next,
          ),
        );
      }),
    );
}

function logCommand(): Command {
  return listsPages(talksToNode(new Command("log")))
    .description("list a campaign's changes of state: who, why and when")
    .argument("<id>", "the campaign's id")
    .addHelpText("after", "\nExample:\n  herald campaign log cmp_9fQ...")
    .action(
      action(async (command, id: string) => {
        const path = pagePath(`${pathOf(id)}/log`, command);
        const page = await apiOf(globalOptions(command)).get<PageOf<Transition>>(path);
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(
            ["at", "from", "to", "epoch", "by", "why"],
            items.map(({ at, from, to, epoch, by, why }) => [
              ...[instant(at), from, to, String(epoch), by, why],
            ]),
            next,
          ),
        );
      }),
    );
}

/** The object of JSON in `--set`; anything else becomes a problem. */
export function jsonObject(text: string, problems: Problem[]): object {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Told below, as what is JSON and no object.
  }
  problems.push({ path: "--set", expected: `an object, as '{"rate":200}'`, got: text });
  return {};
}

function whole(flag: string, text: string | undefined, problems: Problem[]): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  problems.push({ path: flag, expected: "a whole number", got: text });
  return undefined;
}

function invalid(problems: readonly Problem[]): RuntimeError {
  return new RuntimeError("cli.invalid", "options that cannot be used", { problems });
}

function pathOf(id: string): string {
  return `/v1/campaigns/${encodeURIComponent(id)}`;
}
