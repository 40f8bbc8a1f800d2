import { Command } from "commander";
import type { OutboxLedger } from "../../actors/outbox/messages.ts";
import { fields, instant, print, table } from "../output.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** `herald uploads`: what devices uploaded for the back end, and who has read it. */
export function uploadsCommand(): Command {
  return new Command("uploads")
    .description("read what devices uploaded for the back end, and see who has read it")
    .addCommand(readCommand())
    .addCommand(ackCommand())
    .addCommand(consumersCommand())
    .addCommand(forgetCommand());
}

interface Place {
  readonly consumer: string;
  readonly acked: number;
  readonly behind: number;
}

interface Read {
  readonly items: readonly {
    readonly offset: number;
    readonly from: string;
    readonly kind: string;
    readonly payload: unknown;
    readonly at: number;
  }[];
  readonly upTo: number;
  readonly missed: number;
}

interface ReadOptions {
  readonly consumer: string;
  readonly kinds?: string;
  readonly after?: string;
  readonly limit?: string;
  readonly wait?: string;
  readonly ack?: boolean;
}

function readCommand(): Command {
  return talksToNode(new Command("read"))
    .description("show the next uploads of a consumer; they come again until acknowledged")
    .requiredOption("--consumer <name>", "who reads; one that is new begins with the oldest kept")
    .option("--kinds <list>", "only these kinds, separated by commas")
    .option("--after <offset>", "from there instead of what is acknowledged")
    .option("--limit <n>", "how many at once, 1 to 1000; 100 by default")
    .option("--wait <ms>", "how long to wait for the first one, up to 30000; 0 by default")
    .option("--ack", "acknowledge what was shown")
    .addHelpText("after", "\nExample:\n  herald uploads read --consumer crm --wait 30000 --ack")
    .action(
      action(async (command) => {
        const options = globalOptions(command) as unknown as ReadOptions;
        const { consumer, kinds, after, limit, wait: waitMs, ack } = options;
        const given = Object.entries({ consumer, kinds, after, limit, waitMs }).filter(
          (entry): entry is [string, string] => entry[1] !== undefined,
        );
        const api = apiOf(globalOptions(command));
        const read = await api.get<Read>(`/v1/uploads?${new URLSearchParams(given)}`);
        // Of some kinds also without any: others were passed by.
        const isToAck = ack !== true && (read.items.length > 0 || kinds !== undefined);
        const done = `--consumer ${consumer} --up-to ${read.upTo}`;
        const hint = isToAck ? `\n(acknowledge with: herald uploads ack ${done})` : "";
        const describe = (it: Read) => `${describeRead(it)}${hint}`;
        print(globalOptions(command).json === true, read, describe);
        // Only what has been shown is acknowledged.
        if (ack === true) await api.post("/v1/uploads/ack", { consumer, upTo: read.upTo });
      }),
    );
}

function describeRead({ items, missed }: Read): string {
  const header = ["offset", "at", "from", "kind", "payload"];
  const rows = items.map(({ offset, at, from, kind, payload }) => [
    ...[`${offset}`, instant(at), from, kind, JSON.stringify(payload)],
  ]);
  const shown = items.length === 0 ? "(nothing new)" : table(header, rows);
  const lost = missed === 0 ? "" : `\n(${missed} before that are not kept any more)`;
  return `${shown}${lost}`;
}

function ackCommand(): Command {
  return talksToNode(new Command("ack"))
    .description("acknowledge uploads that have been handled")
    .requiredOption("--consumer <name>", "who has handled them")
    .requiredOption("--up-to <offset>", "the last one; all before it are meant, too")
    .addHelpText("after", "\nExample:\n  herald uploads ack --consumer crm --up-to 120")
    .action(
      action(async (command) => {
        const { consumer, upTo } = globalOptions(command) as { consumer?: string; upTo?: string };
        const body = { consumer, upTo: Number(upTo) };
        const place = await apiOf(globalOptions(command)).post<Place>("/v1/uploads/ack", body);
        print(globalOptions(command).json === true, place, (it) => fields({ ...it }));
      }),
    );
}

interface View {
  readonly items: readonly Place[];
  readonly ledger: OutboxLedger;
}

function consumersCommand(): Command {
  return talksToNode(new Command("consumers"))
    .description("list consumers, how far behind they are, and where all uploads are")
    .addHelpText("after", "\nExample:\n  herald uploads consumers")
    .action(
      action(async (command) => {
        const view = await apiOf(globalOptions(command)).get<View>("/v1/uploads/consumers");
        print(globalOptions(command).json === true, view, ({ items, ledger }) => {
          const rows = items.map((it) => [it.consumer, `${it.acked}`, `${it.behind}`]);
          return `${table(["consumer", "acked", "behind"], rows)}\n\n${fields({ ...ledger })}`;
        });
      }),
    );
}

function forgetCommand(): Command {
  return talksToNode(new Command("forget"))
    .description("forget a consumer, so that nothing is kept for it")
    .argument("<consumer>", "its name")
    .addHelpText("after", "\nExample:\n  herald uploads forget crm")
    .action(
      action(async (command, consumer: string) => {
        const path = `/v1/uploads/consumers/${encodeURIComponent(consumer)}`;
        const answer = await apiOf(globalOptions(command)).delete<{ changed: boolean }>(path);
        print(globalOptions(command).json === true, answer, ({ changed }) =>
          changed ? "done" : "there was none of this name",
        );
      }),
    );
}
