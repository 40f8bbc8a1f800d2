import { Command } from "commander";
import type {
  Campaign,
  CampaignCommand,
  CampaignProgress,
  CommandAnswer,
} from "../../actors/master/messages.ts";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import type { PageOf } from "../../persistence/ports/audience.ts";
import { liveLines, watchCampaign } from "../campaign-watch.ts";
import { display, duration, fields, print, readDuration } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";
import { changeCommands, jsonObject } from "./campaign-change.ts";
import { reviewCommands } from "./campaign-review.ts";
import { verifyCommand } from "./verify.ts";

type Shown = { readonly campaign: Campaign; readonly progress: CampaignProgress };

/** `herald campaign`: what an audience is to get, and how its sending goes. */
export function campaignCommand(): Command {
  const command = new Command("campaign").description("create, run and watch campaigns");
  command.addCommand(createCommand());
  for (const name of ["start", "pause", "resume", "proceed", "stop"] as const) {
    command.addCommand(changeCommand(name));
  }
  for (const other of [...changeCommands(), ...reviewCommands()]) command.addCommand(other);
  return command
    .addCommand(showCommand())
    .addCommand(watchCommand())
    .addCommand(listCommand())
    .addCommand(verifyCommand());
}

interface CreateOptions {
  readonly name: string;
  readonly audience: string;
  readonly payload: string;
  readonly provider?: string;
  readonly topic?: string;
  readonly rate?: string;
  readonly workers?: string;
  readonly window?: string;
  readonly inFlight?: string;
  readonly ttl?: string;
  readonly guarantee?: string;
  readonly ack: boolean;
  readonly set?: string;
}

function createCommand(): Command {
  return talksToNode(new Command("create"))
    .description("create a campaign; it is sent after 'campaign start'")
    .requiredOption("--name <name>", "its name")
    .requiredOption("--audience <id>", "the audience it goes to")
    .requiredOption("--payload <json>", "what to send; text may hold {{variable|fallback}}")
    .option("--provider <name>", "who sends; see 'providers list'; session by default")
    .option("--topic <topic>", "topic of the messages")
    .option("--rate <n>", "messages per second, 0 for no limit")
    .option("--workers <n>", "workers that push in parallel")
    .option("--window <n>", "recipients per journal step")
    .option("--in-flight <n>", "windows in flight per worker")
    .option("--ttl <duration>", "how long a message waits for its member: 30s, 24h, 7d")
    .option("--guarantee <name>", "at-most-once, at-least-once, key or receipt")
    .option("--no-ack", "do not ask devices to confirm")
    .option("--set <json>", "more, as the HTTP API has it: schedule, quietHours, cap, arms ...")
    .addHelpText(
      "after",
      `
Example:
  herald campaign create --name hello --audience aud_Zk3... --rate 500 \\
    --payload '{"title":"Hello {{name|there}}"}' \\
    --set '{"schedule":{"local":"2026-12-24T18:00","defaultTimeZone":"UTC"}}'`,
    )
    .action(
      action(async (command) => {
        const options = command.opts<CreateOptions>();
        const campaign = await apiOf(globalOptions(command)).post<Campaign>(
          "/v1/campaigns",
          specOf(options),
        );
        print(globalOptions(command).json === true, campaign, ({ id, name, state }) =>
          [
            fields({ id, name, state }),
            `Start it: herald campaign start ${id}`,
            `Watch it: herald campaign watch ${id}`,
          ].join("\n"),
        );
      }),
    );
}

function changeCommand(name: CampaignCommand | "proceed"): Command {
  const does = {
    start: "start it; from an ended state everybody is reached again",
    pause: "pause it; windows in flight still go",
    resume: "go on where it was paused",
    proceed: "the same as resume",
    stop: "stop it for good; only start begins again",
  };
  return talksToNode(new Command(name))
    .description(does[name])
    .argument("<id>", "the campaign's id")
    .option("--why <reason>", "kept in the campaign's log")
    .addHelpText("after", `\nExample:\n  herald campaign ${name} cmp_9fQ... --why "approved"`)
    .action(
      action(async (command, id: string) => {
        const { why } = command.opts<{ why?: string }>();
        const answer = await apiOf(globalOptions(command)).post<CommandAnswer>(
          `/v1/campaigns/${encodeURIComponent(id)}/${name}`,
          why === undefined ? {} : { why },
        );
        print(globalOptions(command).json === true, answer, ({ before, campaign, changed }) =>
          changed ? `${before} -> ${campaign.state}` : `${campaign.state} already; nothing changed`,
        );
      }),
    );
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show a campaign, its progress and its ledger")
    .argument("<id>", "the campaign's id")
    .addHelpText("after", "\nExample:\n  herald campaign show cmp_9fQ... --json")
    .action(
      action(async (command, id: string) => {
        const path = `/v1/campaigns/${encodeURIComponent(id)}`;
        const shown = await apiOf(globalOptions(command)).get<Shown>(path);
        print(globalOptions(command).json === true, shown, describe);
      }),
    );
}

function watchCommand(): Command {
  return talksToNode(new Command("watch"))
    .description("follow a campaign until it ends; with --json one object a line")
    .argument("<id>", "the campaign's id")
    .addHelpText("after", "\nExample:\n  herald campaign watch cmp_9fQ...")
    .action(
      action(async (command, id: string) => {
        const json = globalOptions(command).json === true;
        const api = apiOf(globalOptions(command));
        const last = await watchCampaign(api, id, json ? "lines" : "bar");
        if (json || last === undefined) return;
        const end = `${last.state}${last.why && `: ${last.why}`}`;
        process.stdout.write(`${[...liveLines(last), end].join("\n")}\n`);
      }),
    );
}

function listCommand(): Command {
  return listsPages(talksToNode(new Command("list")))
    .description("list campaigns, newest first")
    .option("--state <state>", "only those in this state")
    .addHelpText("after", "\nExample:\n  herald campaign list --state started")
    .action(
      action(async (command) => {
        const { state } = command.opts<{ state?: string }>();
        const path = pagePath("/v1/campaigns", command, { state });
        const page = await apiOf(globalOptions(command)).get<PageOf<Campaign>>(path);
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(
            ["id", "name", "state", "provider", "why"],
            items.map(({ id, name, state: at, provider, why }) => [id, name, at, provider, why]),
            next,
          ),
        );
      }),
    );
}

/** Turns the texts of the command line into a spec, naming every option that is not one. */
function specOf(options: CreateOptions): object {
  const problems: Problem[] = [];
  const number = (flag: string, text: string | undefined) => {
    if (text === undefined) return undefined;
    if (text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
    problems.push({ path: flag, expected: "a number", got: text });
    return undefined;
  };
  const spec = {
    name: options.name,
    audience: options.audience,
    payload: json(options.payload, problems),
    provider: options.provider,
    topic: options.topic,
    guarantee: options.guarantee,
    ack: options.ack,
    rate: number("--rate", options.rate),
    workers: number("--workers", options.workers),
    window: number("--window", options.window),
    inFlight: number("--in-flight", options.inFlight),
    ttlMs: readDuration("--ttl", options.ttl, problems),
    ...(options.set === undefined ? {} : jsonObject(options.set, problems)),
  };
  if (problems.length === 0) return spec;
  throw new RuntimeError("cli.invalid", "options that cannot be used", { problems });
}

function json(text: string, problems: Problem[]): unknown {
  try {
    return JSON.parse(text);
  } catch {
    problems.push({ path: "--payload", expected: `JSON, as '{"title":"Hello"}'`, got: text });
    return undefined;
  }
}

function describe({ campaign, progress }: Shown): string {
  const { id, name, state, why, epoch, provider, guarantee } = campaign;
  const { collected, sent, acked, inInbox, rate, etaMs, ledger, ledgerGap } = progress;
  const sum = ledgerGap === 0 ? "adds up" : `is off by ${display(ledgerGap)}`;
  return [
    fields({ id, name, state, why, epoch, provider, guarantee }),
    "progress",
    fields({ collected, sent, acked, "in inbox": inInbox, rate, eta: duration(etaMs) }),
    ...liveLines(progress),
    `ledger (${sum})`,
    fields({ ...ledger }),
  ].join("\n");
}
