import { Command } from "commander";
import type { PageOf, TokenView } from "../../actors/access/messages.ts";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import { instant, print, readDuration } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

interface CreateOptions {
  readonly user?: string;
  readonly board?: string;
  readonly subscribe?: string[];
  readonly publish?: string[];
  readonly device?: string;
  readonly role?: string;
  readonly name?: string;
  readonly ttl?: string;
}

/** `herald token`: tokens for devices, and for callers of the admin API. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("create tokens for devices and for callers of the API; list and revoke the latter")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

function createCommand(): Command {
  return talksToNode(new Command("create"))
    .description("create a token: a device's JWT (--user, --board) or an API token (--role)")
    .option("--user <id>", "the user whose devices may log in with it")
    .option("--board <id>", "the board that may log in with it")
    .option("--device <id>", "only this device of the user, or board")
    .option("--subscribe <pattern...>", "topics that the device may subscribe to, as 'news.*'")
    .option("--publish <pattern...>", "topics that it may publish to")
    .option("--role <role>", "admin, operator or viewer: a token for the API")
    .option("--name <name>", "what the API token is for")
    .option("--ttl <duration>", "how long it is valid: 30s, 5m, 24h, 7d")
    .addHelpText(
      "after",
      `
Examples:
  herald token create --user m-00001 --ttl 24h
  herald token create --board lamp-1 --publish 'lamps.lamp-1.*'
  herald token create --role operator --name "campaign desk"`,
    )
    .action(
      action(async (command) => {
        const options = globalOptions(command) as CreateOptions;
        const given = [options.user, options.board, options.role];
        if (given.filter((it) => it !== undefined).length !== 1) {
          command.error(
            "error: give one: --user, --board (a device's token) or --role (an API token)",
          );
        }
        const body = bodyOf(options);
        const token = await apiOf(globalOptions(command)).post<{ token: string }>(
          "/v1/tokens",
          body,
        );
        print(globalOptions(command).json === true, token, () => token.token);
      }),
    );
}

function listCommand(): Command {
  return listsPages(talksToNode(new Command("list")))
    .description("list API tokens, oldest first; the tokens themselves are not kept")
    .addHelpText("after", "\nExample:\n  herald token list")
    .action(
      action(async (command) => {
        const path = pagePath("/v1/tokens", command);
        const page = await apiOf(globalOptions(command)).get<PageOf<TokenView>>(path);
        const header = ["id", "name", "role", "created", "expires", "revoked"];
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(header, items.map(row), next),
        );
      }),
    );
}

function row({ id, name, role, createdAt, expiresAt, revokedAt }: TokenView): string[] {
  return [id, name, role, instant(createdAt), instant(expiresAt), instant(revokedAt)];
}

function revokeCommand(): Command {
  return talksToNode(new Command("revoke"))
    .description("revoke an API token; it is refused from then on")
    .argument("<id>", "the token's id, as 'token list' shows it")
    .addHelpText("after", "\nExample:\n  herald token revoke tok_Lk2...")
    .action(
      action(async (command, id: string) => {
        const path = `/v1/tokens/${encodeURIComponent(id)}`;
        const token = await apiOf(globalOptions(command)).delete<TokenView>(path);
        print(globalOptions(command).json === true, token, ({ name }) => `${name}: revoked`);
      }),
    );
}

function bodyOf({ user, board, device, role, name, ttl, ...grants }: CreateOptions): object {
  const problems: Problem[] = [];
  const ttlMs = readDuration("--ttl", ttl, problems);
  if (problems.length > 0) throw new RuntimeError("cli.invalid", "no duration", { problems });
  if (role !== undefined) {
    return { kind: "api", role, name: name ?? "from the command line", ttlMs };
  }
  const { subscribe, publish } = grants;
  const common = { device, subscribe, publish, ttlMs: ttlMs ?? 86_400_000 };
  return board === undefined
    ? { kind: "device", user, ...common }
    : { kind: "board", board, ...common };
}
