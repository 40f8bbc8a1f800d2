import { Command } from "commander";
import type {
  AudienceAnswer,
  AudienceProgress,
  PageOf,
  TaskTransition,
} from "../../actors/collect/messages.ts";
import { fields, print } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { progressBar } from "../progress.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

const CHANGES = {
  start: "collect an audience, or collect it anew",
  resume: "go on with a paused collection where it was",
  proceed: "the same as resume",
  pause: "pause a collection",
  stop: "stop a collection; it can be started anew",
} as const;

const FORMAT =
  "{state} |{bar}| {partitionsDone} of {partitions} partitions, {size} members, " +
  "{items} pulled, {rate}/s {trouble}";

/** The commands about the task of making an audience. */
export function audienceTaskCommands(): Command[] {
  const names = ["start", "pause", "resume", "proceed", "stop"] as const;
  return [...names.map(changeCommand), watchCommand(), logCommand()];
}

function changeCommand(name: keyof typeof CHANGES): Command {
  return talksToNode(new Command(name))
    .description(CHANGES[name])
    .argument("<id>", "the audience's id")
    .option("--why <reason>", "kept in the audience's log")
    .addHelpText("after", `\nExample:\n  herald audience ${name} aud_Zk3... --why "new members"`)
    .action(
      action(async (it, id: string) => {
        const { why } = it.opts<{ why?: string }>();
        const answer = await apiOf(globalOptions(it)).post<AudienceAnswer>(
          `/v1/audiences/${encodeURIComponent(id)}/${name}`,
          why === undefined ? {} : { why },
        );
        print(globalOptions(it).json === true, answer, ({ before, audience, changed }) =>
          changed ? `${before} -> ${audience.state}` : `${audience.state} already; nothing changed`,
        );
      }),
    );
}

function watchCommand(): Command {
  return talksToNode(new Command("watch"))
    .description("follow the making of an audience until it ends; with --json one object a line")
    .argument("<id>", "the audience's id")
    .addHelpText("after", "\nExample:\n  herald audience watch aud_Zk3...")
    .action(
      action(async (command, id: string) => {
        const json = globalOptions(command).json === true;
        const last = await watch(apiOf(globalOptions(command)), id, json);
        if (json || last === undefined) return;
        const { state, why, size, duplicates, excluded, pulled } = last;
        const told = fields({ state, why, size, duplicates, ...excluded, pulled: pulled.items });
        process.stdout.write(`${told}\n`);
      }),
    );
}

async function watch(
  api: ReturnType<typeof apiOf>,
  id: string,
  json: boolean,
): Promise<AudienceProgress | undefined> {
  const bar = progressBar(json, FORMAT);
  let last: AudienceProgress | undefined;
  try {
    const path = `/v1/audiences/${encodeURIComponent(id)}/events`;
    for await (const { event, data } of api.events(path)) {
      if (event === "end") break;
      if (event !== "progress") continue;
      const progress = JSON.parse(data) as AudienceProgress;
      const items = progress.pulled.items;
      const shown = { ...progress, items, rate: Math.round(progress.rate) };
      if (last === undefined) bar.start(Math.max(1, progress.partitions), shown);
      last = progress;
      bar.update(progress.partitionsDone, shown);
      if (json) process.stdout.write(`${JSON.stringify(progress)}\n`);
    }
  } finally {
    bar.stop();
  }
  return last;
}

function logCommand(): Command {
  return listsPages(talksToNode(new Command("log")))
    .description("list an audience's changes of state: who, why and when")
    .argument("<id>", "the audience's id")
    .addHelpText("after", "\nExample:\n  herald audience log aud_Zk3...")
    .action(
      action(async (command, id: string) => {
        const path = pagePath(`/v1/audiences/${encodeURIComponent(id)}/log`, command);
        const page = await apiOf(globalOptions(command)).get<PageOf<TaskTransition>>(path);
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(
            ["at", "from", "to", "epoch", "by", "why"],
            items.map(({ at, from, to, epoch, by, why }) => [
              ...[new Date(at).toISOString(), from, to, String(epoch), by, why],
            ]),
            next,
          ),
        );
      }),
    );
}
