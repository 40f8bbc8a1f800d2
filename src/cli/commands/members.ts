import { statSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import type { Member, MemberImport, Preview } from "../../actors/members/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import { readCondition } from "../condition.ts";
import { fields, instant, print } from "../output.ts";
import { progressBar } from "../progress.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** `herald members`: who can be reached, and what is known of them. */
export function membersCommand(): Command {
  return new Command("members")
    .description("import, show and change members, and preview conditions about them")
    .addCommand(importCommand())
    .addCommand(showCommand())
    .addCommand(setCommand())
    .addCommand(previewCommand());
}

function importCommand(): Command {
  return talksToNode(new Command("import"))
    .description("make or change members from NDJSON, a change per line")
    .argument("<file>", 'lines as {"id": "m-1", "attributes": {"city": "Vienna"}, "tags": []}')
    .addHelpText("after", "\nExample:\n  herald members import members.ndjson")
    .action(
      action(async (command, file: string) => {
        const json = globalOptions(command).json === true;
        const found = statSync(file, { throwIfNoEntry: false });
        if (!found?.isFile()) throw new RuntimeError("cli.invalid", `cannot read ${file}`);
        const bar = progressBar(json, "imported {percentage}% |{bar}| {file}");
        bar.start(found.size, { file: basename(file) });
        const told = await apiOf(globalOptions(command))
          .upload<MemberImport>("/v1/members", {
            file,
            mediaType: "application/x-ndjson",
            sent: (bytes) => bar.update(bytes),
          })
          .finally(() => bar.stop());
        print(json, told, describeImport);
      }),
    );
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show a member")
    .argument("<id>", "the member's id")
    .addHelpText("after", "\nExample:\n  herald members show m-00001")
    .action(
      action(async (command, id: string) => {
        const path = `/v1/members/${encodeURIComponent(id)}`;
        const member = await apiOf(globalOptions(command)).get<Member>(path);
        print(globalOptions(command).json === true, member, describeMember);
      }),
    );
}

interface SetOptions {
  readonly addTag?: string[];
  readonly removeTag?: string[];
  readonly locale?: string;
  readonly timeZone?: string;
  readonly optOut?: boolean;
  readonly optIn?: boolean;
}

function setCommand(): Command {
  return talksToNode(new Command("set"))
    .description("make a member or change one; what is not named stays")
    .argument("<id>", "the member's id")
    .argument("[attributes...]", "name=value; true, false and numbers are those; name= removes it")
    .option("--add-tag <tag...>", "tags to add")
    .option("--remove-tag <tag...>", "tags to remove")
    .option("--locale <locale>", "a language tag, as de-AT")
    .option("--time-zone <zone>", "an IANA time zone, as Europe/Vienna")
    .option("--opt-out", "no audience takes the member from now on")
    .option("--opt-in", "take an opt-out back")
    .addHelpText(
      "after",
      "\nExample:\n  herald members set m-00001 city=Vienna age=36 vip=true --add-tag beta",
    )
    .action(
      action(async (command, id: string, pairs: string[]) => {
        const options = globalOptions(command) as SetOptions;
        const { addTag: addTags, removeTag: removeTags, locale, timeZone } = options;
        const api = apiOf(globalOptions(command));
        const attributes = Object.fromEntries(pairs.map(readPair));
        await api.post("/v1/members", { id, attributes, addTags, removeTags, locale, timeZone });
        const path = `/v1/members/${encodeURIComponent(id)}`;
        if (options.optOut === true || options.optIn === true) {
          await api.post(`${path}/opt-out`, { optedOut: options.optOut === true });
        }
        const member = await api.get<Member>(path);
        print(globalOptions(command).json === true, member, describeMember);
      }),
    );
}

function previewCommand(): Command {
  return talksToNode(new Command("preview"))
    .description("say whom a condition takes, before anything is stored")
    .argument("<condition>", "JSON, or @file with JSON")
    .option("--address <attribute>", "the attribute that holds the address to send to")
    .addHelpText(
      "after",
      `\nExample:\n  herald members preview '{"all":[{"attr":"plan","eq":"pro"},{"tag":"beta"}]}'`,
    )
    .action(
      action(async (command, text: string) => {
        const { address } = globalOptions(command) as { address?: string };
        const condition = readCondition(text);
        const preview = await apiOf(globalOptions(command)).post<Preview>(
          "/v1/conditions/preview",
          { condition, address },
        );
        print(globalOptions(command).json === true, preview, describePreview);
      }),
    );
}

function readPair(pair: string): [string, string | number | boolean | null] {
  const at = pair.indexOf("=");
  if (at < 1) {
    const problem = { path: "attributes", expected: "name=value", got: pair };
    throw new RuntimeError("cli.invalid", `not name=value: ${pair}`, { problems: [problem] });
  }
  return [pair.slice(0, at), readValue(pair.slice(at + 1))];
}

function readValue(text: string): string | number | boolean | null {
  if (text === "") return null;
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function describeMember(member: Member): string {
  const { id, attributes, tags, locale = "", timeZone = "", lastSeenAt, optedOut } = member;
  const known = Object.entries(attributes).map(([name, value]) => `  ${name} = ${String(value)}`);
  const seen = instant(lastSeenAt ?? 0);
  const told = { id, tags: tags.join(", "), locale, timeZone, lastSeen: seen, optedOut };
  return [fields(told), ...(known.length > 0 ? ["attributes:", ...known] : [])].join("\n");
}

function describeImport({ lines, stored, invalid, errors }: MemberImport): string {
  const wrong = errors.map(
    ({ line, field, expected, got }) =>
      `  line ${line}: ${field === "" ? "" : `${field}: `}expected ${expected}, got ${got}`,
  );
  return [fields({ lines, stored, invalid }), ...wrong].join("\n");
}

function describePreview({ count, excluded, words, sample }: Preview): string {
  return fields({ who: words, members: count, ...excluded, sample: sample.join(", ") });
}
