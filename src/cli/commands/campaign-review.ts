import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { Command } from "commander";
import type {
  DryCounts,
  DryRun,
  Resolved,
  TestSent,
  UnknownRecipient,
  Why,
} from "../../actors/review/messages.ts";
import type { PageOf } from "../../persistence/ports/audience.ts";
import { display, duration, fields, instant, print, table } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** What can be asked about a campaign before, while and after it is sent. */
export function reviewCommands(): Command[] {
  return [dryRunCommand(), testCommand(), whyCommand(), unknownCommand(), exportCommand()];
}

function dryRunCommand(): Command {
  return talksToNode(new Command("dry-run"))
    .description("show what a start would do, and send nothing")
    .argument("<id>", "the campaign's id")
    .addHelpText("after", "\nExample:\n  herald campaign dry-run cmp_9fQ...")
    .action(
      action(async (command, id: string) => {
        const run = await apiOf(globalOptions(command)).post<DryRun>(`${pathOf(id)}/dry-run`);
        print(globalOptions(command).json === true, run, describeDryRun);
      }),
    );
}

function describeDryRun(run: DryRun): string {
  const { counts, arms, locales, price, samples, missing, certificate } = run;
  const { recipients, sent, held, capped, missingVariable, late, blocked } = counts;
  const first = run.startsAt < 0 ? "never" : instant(run.startsAt);
  const last = run.endsAt < 0 ? "not known" : `${instant(run.endsAt)}, in ${duration(run.etaMs)}`;
  return [
    fields({ recipients, "would get it": sent, "first message": first, "last message": last }),
    fields({ pace: run.pace }),
    "left out",
    fields({ "control group": held, "over the cap": capped, "variable missing": missingVariable }),
    fields({ "too late": late, "opted out or suppressed": blocked }),
    ...split("by arm", arms),
    ...split("by locale", locales),
    "what the guarantee costs",
    fields({
      "store operations per message": price.operationsPerMessage,
      "in doubt after a crash, at most": price.inDoubtMax,
      "still sent after a pause, at most": price.afterPauseMax,
      "those in doubt are": price.doubt,
    }),
    ...samples.map(({ member, payload }) => `  ${member} gets ${payload}`),
    ...missing.map(({ member, variable }) => `  ${member} has no ${variable}`),
    fields({ certificate: certificate.id }),
  ].join("\n");
}

/** Nothing where there is only one. */
function split(title: string, counts: Readonly<Record<string, DryCounts>>): string[] {
  const entries = Object.entries(counts);
  if (entries.length < 2) return [];
  return [title, fields(Object.fromEntries(entries.map(([name, { sent }]) => [name, sent])))];
}

function testCommand(): Command {
  return talksToNode(new Command("test"))
    .description("send its message to a few chosen members, marked as a test")
    .argument("<id>", "the campaign's id")
    .argument("<members...>", "whom to send it to")
    .addHelpText("after", "\nExample:\n  herald campaign test cmp_9fQ... m-00001 m-00002")
    .action(
      action(async (command, id: string, members: string[]) => {
        const api = apiOf(globalOptions(command));
        const sent = await api.post<{ items: TestSent[] }>(`${pathOf(id)}/test`, { members });
        print(globalOptions(command).json === true, sent, ({ items }) =>
          table(
            ["member", "status", "reason", "payload"],
            items.map((it) => [it.member, it.status, it.reason, it.payload]),
          ),
        );
      }),
    );
}

function whyCommand(): Command {
  return talksToNode(new Command("why"))
    .description("say why somebody did or did not get it")
    .argument("<id>", "the campaign's id")
    .argument("<member>", "whom")
    .option("--epoch <n>", "an earlier run")
    .addHelpText("after", "\nExample:\n  herald campaign why cmp_9fQ... m-00001")
    .action(
      action(async (command, id: string, member: string) => {
        const { epoch } = command.opts<{ epoch?: string }>();
        const query = epoch === undefined ? "" : `?epoch=${encodeURIComponent(epoch)}`;
        const path = `${pathOf(id)}/recipients/${encodeURIComponent(member)}${query}`;
        const why = await apiOf(globalOptions(command)).get<Why>(path);
        print(globalOptions(command).json === true, why, describeWhy);
      }),
    );
}

function describeWhy({ answer, outcome, page, inbox, receipts, can }: Why): string {
  if (outcome === undefined) return answer;
  const { state, rule, reason, arm, version, providerId } = outcome;
  const where = `${outcome.page}, ${outcome.index + 1} of ${page?.size ?? "?"}`;
  return [
    answer,
    fields({ state, page: where, arm, version }),
    ...(rule === "" ? [] : [fields({ rule, reason })]),
    ...(providerId === "" ? [] : [fields({ "provider's id": providerId })]),
    ...(inbox === undefined ? [] : [fields({ inbox: inbox.state })]),
    ...receipts.map(({ provider, status, at }) => `  ${instant(at)}  ${provider}: ${status}`),
    ...can.map((remedy) => `  you can ${remedy.do}: ${remedy.means}`),
  ].join("\n");
}

interface UnknownOptions {
  readonly resolve?: string;
  readonly member?: string[];
  readonly why?: string;
}

function unknownCommand(): Command {
  return listsPages(talksToNode(new Command("unknown")))
    .description("list those who may or may not have got it, or settle them with --resolve")
    .argument("<id>", "the campaign's id")
    .option("--resolve <as>", "delivered, resend or give-up")
    .option("--member <member...>", "only these; otherwise everybody who is unknown")
    .option("--why <reason>", "kept with those who are given up, and on record")
    .addHelpText(
      "after",
      `
Examples:
  herald campaign unknown cmp_9fQ...
  herald campaign unknown cmp_9fQ... --resolve resend --member m-00001 --why "not in their log"`,
    )
    .action(
      action(async (command, id: string) => {
        const options = command.opts<UnknownOptions>();
        const json = globalOptions(command).json === true;
        const api = apiOf(globalOptions(command));
        if (options.resolve !== undefined) {
          const { resolve: as, member: members, why = "asked for" } = options;
          const body = { as, members, why };
          const done = await api.post<Resolved>(`${pathOf(id)}/unknown/resolve`, body);
          print(json, done, describeResolved);
          return;
        }
        const path = pagePath(`${pathOf(id)}/unknown`, command);
        const page = await api.get<PageOf<UnknownRecipient>>(path);
        print(json, page, ({ items, next }) => pageTable(COLUMNS, items.map(row), next));
      }),
    );
}

const COLUMNS = ["member", "state", "rule", "reason", "receipt", "you can"];

function row({ member, state, rule, reason, receipt, can }: UnknownRecipient): string[] {
  return [member, state, rule, reason, receipt, can.map((remedy) => remedy.do).join(", ")];
}

function describeResolved({ delivered, refused, unknown, notUnknown, more }: Resolved): string {
  const told = fields({ delivered, refused, "still unknown": unknown, "not unknown": notUnknown });
  return more ? `${told}\n(there are more: say it again)` : told;
}

function exportCommand(): Command {
  return talksToNode(new Command("export"))
    .description("write what became of every recipient, as CSV or JSON lines")
    .argument("<id>", "the campaign's id")
    .option("--format <name>", "csv or ndjson", "csv")
    .option("--out <file>", "write it there instead of to the terminal")
    .addHelpText(
      "after",
      `
With --json it prints JSON lines.

Example:
  herald campaign export cmp_9fQ... --out results.csv`,
    )
    .action(
      action(async (command, id: string) => {
        const { format, out } = command.opts<{ format: string; out?: string }>();
        const wanted = globalOptions(command).json === true ? "ndjson" : format;
        const path = `${pathOf(id)}/results?format=${encodeURIComponent(wanted)}`;
        const pieces = apiOf(globalOptions(command)).download(path);
        if (out === undefined) {
          await writeTo(process.stdout, pieces);
          return;
        }
        const file = createWriteStream(out);
        const lines = await writeTo(file, pieces);
        file.end();
        await finished(file);
        process.stdout.write(`${display(lines)} lines written to ${out}\n`);
      }),
    );
}

/** Writes as fast as it is taken; returns how many lines. */
async function writeTo(target: Writable, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let lines = 0;
  for await (const piece of pieces) {
    for (const byte of piece) if (byte === 10) lines += 1;
    if (!target.write(piece)) await once(target, "drain");
  }
  return lines;
}

function pathOf(id: string): string {
  return `/v1/campaigns/${encodeURIComponent(id)}`;
}
