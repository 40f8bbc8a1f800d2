import { statSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import type { Audience, LineError, PageOf } from "../../actors/collect/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import { fields, print } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { progressBar } from "../progress.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** `herald audience`: who is to be reached. */
export function audienceCommand(): Command {
  return new Command("audience")
    .description("import and look at audiences")
    .addCommand(importCommand())
    .addCommand(showCommand())
    .addCommand(listCommand());
}

function importCommand(): Command {
  return talksToNode(new Command("import"))
    .description("import an audience from a CSV file with a column 'member'")
    .argument("<file>", "CSV with a header line; the other columns become variables")
    .option("--name <name>", "its name; the file's by default")
    .addHelpText(
      "after",
      "\nExample:\n  herald audience import examples/audience.csv --name everyone",
    )
    .action(
      action(async (command, file: string) => {
        const options = globalOptions(command) as { name?: string; json?: boolean };
        const name = options.name ?? basename(file).replace(/\.csv$/i, "");
        const api = apiOf(globalOptions(command));
        const bar = progressBar(options.json === true, "imported {percentage}% |{bar}| {file}");
        bar.start(sizeOf(file), { file: basename(file) });
        const path = `/v1/audiences?name=${encodeURIComponent(name)}`;
        const audience = await api
          .upload<Audience>(path, { file, mediaType: "text/csv", sent: (it) => bar.update(it) })
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

function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile()) return found.size;
  throw new RuntimeError("cli.invalid", `cannot read ${file}: ${found ? "no file" : "not there"}`);
}

function describe(audience: Audience, errors: readonly LineError[]): string {
  const { id, name, state, failure, size, lines, duplicates, invalid, pages, hash } = audience;
  const told = fields({ id, name, state, size, lines, duplicates, invalid, pages, hash });
  const wrong = errors.map(
    ({ line, field, expected, got }) =>
      `  line ${line}: ${field}: expected ${expected}, got ${got}`,
  );
  return [told, ...(failure ? [`  failed: ${failure}`] : []), ...wrong].join("\n");
}
