import { statSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import type { Audience, LineError, PageOf } from "../../actors/collect/messages.ts";
import { explain } from "../../core/condition-words.ts";
import { RuntimeError } from "../../core/errors.ts";
import { readCondition } from "../condition.ts";
import { fields, print } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { progressBar } from "../progress.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";
import { audiencePullCommand } from "./audience-pull.ts";
import { audienceTaskCommands } from "./audience-task.ts";

/** `herald audience`: who is to be reached. */
export function audienceCommand(): Command {
  const command = new Command("audience")
    .description("make audiences, and look at them")
    .addCommand(importCommand())
    .addCommand(createCommand())
    .addCommand(audiencePullCommand())
    .addCommand(showCommand())
    .addCommand(listCommand());
  for (const task of audienceTaskCommands()) command.addCommand(task);
  return command;
}

function importCommand(): Command {
  return talksToNode(new Command("import"))
    .description("import an audience from a file")
    .argument(
      "<file>",
      "CSV with a column 'member', .ndjson with ids or {member, vars}, .txt with an id per line",
    )
    .option("--name <name>", "its name; the file's by default")
    .addHelpText(
      "after",
      "\nExample:\n  herald audience import examples/audience.csv --name everyone",
    )
    .action(
      action(async (command, file: string) => {
        const options = globalOptions(command) as { name?: string; json?: boolean };
        const name = options.name ?? basename(file).replace(/\.(csv|ndjson|jsonl|txt)$/i, "");
        const api = apiOf(globalOptions(command));
        const bar = progressBar(options.json === true, "imported {percentage}% |{bar}| {file}");
        bar.start(sizeOf(file), { file: basename(file) });
        const path = `/v1/audiences?name=${encodeURIComponent(name)}`;
        const audience = await api
          .upload<Audience>(path, {
            file,
            mediaType: mediaTypeOf(file),
            sent: (it) => bar.update(it),
          })
          .finally(() => bar.stop());
        const errors = await errorsOf(audience);
        print(options.json === true, { ...audience, errors }, () => describe(audience, errors));

        async function errorsOf({ id, invalid }: Audience): Promise<readonly LineError[]> {
          if (invalid === 0) return [];
          return (await api.get<PageOf<LineError>>(`/v1/audiences/${id}/errors?limit=10`)).items;
        }
      }),
    );
}

function createCommand(): Command {
  return talksToNode(new Command("create"))
    .description("make an audience of members that a condition takes, or of other audiences")
    .argument("<name>", "its name")
    .option("--condition <json>", "JSON, or @file with JSON; see 'members preview'")
    .option("--address <attribute>", "with a condition: the attribute that holds the address")
    .option("--variables <name...>", "with a condition: attributes that become variables")
    .option("--union <id...>", "who is in any of these audiences")
    .option("--intersection <id...>", "who is in all of these audiences")
    .option("--difference <id...>", "who is in the first of these audiences and in no other")
    .option("--no-start", "only create it; 'audience start' collects it")
    .option("--no-wait", "answer at once, while it is collected")
    .addHelpText(
      "after",
      `
Examples:
  herald audience create pros --condition '{"attr":"plan","eq":"pro"}'
  herald audience create both --intersection aud_Zk3... aud_9fL...`,
    )
    .action(
      action(async (command, name: string) => {
        const options = globalOptions(command) as CreateOptions;
        const { address, variables, union, intersection, difference, start, wait } = options;
        const condition =
          options.condition === undefined ? undefined : readCondition(options.condition);
        const sets = { union, intersection, difference };
        const body = { name, condition, address, variables, ...sets, start, wait };
        const audience = await apiOf(globalOptions(command)).post<Audience>("/v1/audiences", body);
        print(globalOptions(command).json === true, audience, () => describe(audience, []));
      }),
    );
}

interface CreateOptions {
  readonly condition?: string;
  readonly address?: string;
  readonly variables?: string[];
  readonly union?: string[];
  readonly intersection?: string[];
  readonly difference?: string[];
  readonly start: boolean;
  readonly wait: boolean;
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show an audience and the lines that were left out")
    .argument("<id>", "the audience's id")
    .addHelpText("after", "\nExample:\n  herald audience show aud_Zk3...")
    .action(
      action(async (command, id: string) => {
        const api = apiOf(globalOptions(command));
        const path = `/v1/audiences/${encodeURIComponent(id)}`;
        const audience = await api.get<Audience>(path);
        const errors = (await api.get<PageOf<LineError>>(`${path}/errors?limit=100`)).items;
        print(globalOptions(command).json === true, { ...audience, errors }, () =>
          describe(audience, errors),
        );
      }),
    );
}

function listCommand(): Command {
  return listsPages(talksToNode(new Command("list")))
    .description("list audiences, newest first")
    .addHelpText("after", "\nExample:\n  herald audience list --json")
    .action(
      action(async (command) => {
        const path = pagePath("/v1/audiences", command);
        const page = await apiOf(globalOptions(command)).get<PageOf<Audience>>(path);
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(
            ["id", "name", "state", "size"],
            items.map(({ id, name, state, size }) => [id, name, state, String(size)]),
            next,
          ),
        );
      }),
    );
}

function mediaTypeOf(file: string): string {
  if (/\.(ndjson|jsonl)$/i.test(file)) return "application/x-ndjson";
  return /\.txt$/i.test(file) ? "text/plain" : "text/csv";
}

function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile()) return found.size;
  throw new RuntimeError("cli.invalid", `cannot read ${file}: ${found ? "no file" : "not there"}`);
}

function describe(audience: Audience, errors: readonly LineError[]): string {
  const { id, name, state, why, size, lines, duplicates, invalid, pages, hash } = audience;
  const { source, excluded } = audience;
  const who = source?.type === "condition" ? { who: explain(source.condition) } : {};
  const told = fields({
    ...{ id, name, state, why, ...who, size, lines, duplicates, invalid, ...excluded, pages, hash },
  });
  const wrong = errors.map(
    ({ line, field, expected, got }) =>
      `  line ${line}: ${field === "" ? "" : `${field}: `}expected ${expected}, got ${got}`,
  );
  return [told, ...wrong].join("\n");
}
