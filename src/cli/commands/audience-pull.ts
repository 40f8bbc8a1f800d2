import { Command } from "commander";
import type { Audience } from "../../actors/collect/messages.ts";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import { fields, print } from "../output.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

interface PullOptions {
  readonly header?: string[];
  readonly pageSize?: string;
  readonly sizeParam?: string;
  readonly paging: string;
  readonly param?: string;
  readonly next?: string;
  readonly items?: string;
  readonly member?: string;
  readonly timeout?: string;
  readonly wait: boolean;
}

/** `herald audience pull`: members from an HTTP API of the user's own. */
export function audiencePullCommand(): Command {
  return talksToNode(new Command("pull"))
    .description("make an audience of the members that an HTTP API of yours lists, page by page")
    .argument("<name>", "its name")
    .argument("<url>", "of the first page; its origin must be in the setting pull.origins")
    .option("--header <header...>", 'sent with every request, as "authorization: Bearer ..."')
    .option("--paging <style>", "how pages go on: cursor, offset, page or link", "cursor")
    .option("--param <name>", "the parameter that asks for a page; named as the style by default")
    .option("--next <field>", "with cursor: the answer's field that names the next page")
    .option("--page-size <n>", "how many members to ask for at once; 0: does not say")
    .option("--size-param <name>", "the parameter that says how many")
    .option("--items <field>", "the answer's field with the members; '' when it is the list itself")
    .option("--member <field>", "the field of a member that holds its id")
    .option("--timeout <ms>", "for one request")
    .option("--no-wait", "answer at once, while it is collected")
    .addHelpText(
      "after",
      `
Example:
  herald audience pull active 'https://members.example.com/v1/members?status=active' \\
    --header "authorization: Bearer $TOKEN" --items data --next meta.next --member id`,
    )
    .action(
      action(async (command, name: string, url: string) => {
        const options = globalOptions(command) as PullOptions;
        const body = { name, pull: pullOf(url, options), wait: options.wait };
        const audience = await apiOf(globalOptions(command)).post<Audience>("/v1/audiences", body);
        print(globalOptions(command).json === true, audience, describe);
      }),
    );
}

function pullOf(url: string, options: PullOptions): object {
  const problems: Problem[] = [];
  const number = (flag: string, text: string | undefined) => {
    if (text === undefined || /^\d{1,9}$/.test(text)) return text && Number(text);
    problems.push({ path: flag, expected: "a whole number", got: text });
    return undefined;
  };
  const headers = (options.header ?? []).flatMap((header) => {
    const [, key, value] = /^\s*([A-Za-z0-9-]+)\s*:\s*(.*?)\s*$/.exec(header) ?? [];
    if (key !== undefined && value !== undefined) return [[key, value] as const];
    // The text may be a secret with a slip in it.
    problems.push({ path: "--header", expected: '"name: value"', got: "another text" });
    return [];
  });
  const { paging: type, param, next } = options;
  const pull = {
    url,
    headers: Object.fromEntries(headers),
    pageSize: number("--page-size", options.pageSize),
    sizeParam: options.sizeParam,
    paging: { type, param, next },
    items: options.items,
    member: options.member,
    timeoutMs: number("--timeout", options.timeout),
  };
  if (problems.length === 0) return pull;
  throw new RuntimeError("cli.invalid", "options that cannot be used", { problems });
}

function describe(audience: Audience): string {
  const { id, name, state, why, size, lines, duplicates, invalid, excluded, hash } = audience;
  return fields({ id, name, state, why, size, lines, duplicates, invalid, ...excluded, hash });
}
