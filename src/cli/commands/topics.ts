import { Command } from "commander";
import { fields, instant, print, table } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

interface TopicLine {
  readonly topic: string;
  readonly epoch: string;
  readonly offset: number;
  readonly kept: number;
  readonly subscribers: number;
}

interface TopicShown extends TopicLine {
  readonly count: number;
  readonly members: readonly { readonly principal: string; readonly sessions: number }[];
  readonly rule: Readonly<Record<string, string | number | boolean>>;
}

interface History {
  readonly items: readonly {
    readonly offset: number;
    readonly at: number;
    readonly from?: string;
    readonly payload: unknown;
  }[];
}

/** `herald topics`: what devices subscribe to, who is there, and what is kept. */
export function topicsCommand(): Command {
  return new Command("topics")
    .description("look at topics: who is subscribed, and what is kept of them")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(historyCommand());
}

function listCommand(): Command {
  return listsPages(talksToNode(new Command("list")))
    .description("list the topics that are here")
    .addHelpText("after", "\nExample:\n  herald topics list")
    .action(
      action(async (command) => {
        type Page = { readonly items: readonly TopicLine[]; readonly next?: string };
        const api = apiOf(globalOptions(command));
        const page = await api.get<Page>(pagePath("/v1/topics", command));
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(["topic", "subscribers", "offset", "kept"], items.map(rowOf), next),
        );
      }),
    );
}

function rowOf({ topic, subscribers, offset, kept }: TopicLine): string[] {
  return [topic, `${subscribers}`, `${offset}`, `${kept}`];
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show a topic: who is there, what is kept, and the rule that applies")
    .argument("<topic>", "its name")
    .addHelpText("after", "\nExample:\n  herald topics show room.lobby")
    .action(
      action(async (command, topic: string) => {
        const shown = await apiOf(globalOptions(command)).get<TopicShown>(pathOf(topic));
        print(globalOptions(command).json === true, shown, describe);
      }),
    );
}

function describe({ members, rule, count, ...line }: TopicShown): string {
  const { topic, subscribers, offset, kept, epoch } = line;
  const facts = fields({ topic, epoch, offset, kept, subscribers, ...rule });
  if (count === 0) return facts;
  const rows = members.map(({ principal, sessions }) => [principal, `${sessions}`]);
  const more = count > members.length ? `\n(and ${count - members.length} more)` : "";
  return `${facts}\n\n${table(["who", "sessions"], rows)}${more}`;
}

function historyCommand(): Command {
  return talksToNode(new Command("history"))
    .description("print what a topic keeps for those who come back, the oldest first")
    .argument("<topic>", "its name")
    .option("--after <offset>", "only later ones")
    .option("--limit <n>", "how many at once, 1 to 100; 100 by default")
    .addHelpText("after", "\nExample:\n  herald topics history room.lobby --after 40")
    .action(
      action(async (command, topic: string) => {
        const path = pagePath(`${pathOf(topic)}/history`, command);
        const found = await apiOf(globalOptions(command)).get<History>(path);
        print(globalOptions(command).json === true, found, ({ items }) =>
          table(
            ["offset", "at", "from", "payload"],
            items.map(({ offset, at, from = "-", payload }) => {
              return [`${offset}`, instant(at), from, JSON.stringify(payload)];
            }),
          ),
        );
      }),
    );
}

function pathOf(topic: string): string {
  return `/v1/topics/${encodeURIComponent(topic)}`;
}
