import { Command } from "commander";
import type { Board, ChangeAnswer, PageOf } from "../../actors/relations/messages.ts";
import { fields, instant, print } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** `herald boards`: things that are registered, whose they are, and their secrets. */
export function boardsCommand(): Command {
  return new Command("boards")
    .description("register boards, bind them to their owners, and show their secrets")
    .addCommand(registerCommand())
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(bindCommand())
    .addCommand(changeCommand("unbind", "take a board away from its owner"))
    .addCommand(secretCommand())
    .addCommand(rotateCommand())
    .addCommand(forgetCommand());
}

interface BoardShown extends Board {
  readonly users: readonly { readonly user: string; readonly role: string }[];
  readonly family?: string;
  readonly lastSeen?: number;
}

function registerCommand(): Command {
  return talksToNode(new Command("register"))
    .description("register a board, or change what is known of it; what is left out stays")
    .argument("<id>", "the board's id")
    .option("--name <name>", "what people call it")
    .option("--model <model>", "what kind of thing it is")
    .option("--serial <number>", "its serial number")
    .option("--mac <address>", "its hardware address")
    .addHelpText("after", '\nExample:\n  herald boards register lamp-1 --name "Desk lamp"')
    .action(
      action(async (command, id: string) => {
        const { name, model, serial, mac } = globalOptions(command) as Partial<Board>;
        const about = { name, model, serial, mac };
        const board = await apiOf(globalOptions(command)).put<Board & ChangeAnswer>(
          pathOf(id),
          about,
        );
        print(globalOptions(command).json === true, board, (it) => describe(it));
      }),
    );
}

function listCommand(): Command {
  return listsPages(talksToNode(new Command("list")))
    .description("list boards, newest first")
    .option("--owner <user>", "only those of this user")
    .addHelpText("after", "\nExample:\n  herald boards list --owner m-00001")
    .action(
      action(async (command) => {
        const { owner } = globalOptions(command) as { owner?: string };
        const path = pagePath("/v1/boards", command, { owner });
        const page = await apiOf(globalOptions(command)).get<PageOf<Board>>(path);
        const header = ["id", "name", "model", "owner", "registered"];
        print(globalOptions(command).json === true, page, ({ items, next }) =>
          pageTable(header, items.map(rowOf), next),
        );
      }),
    );
}

function rowOf({ id, name, model, owner = "-", registeredAt }: Board): string[] {
  return [id, name, model, owner, instant(registeredAt)];
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show a board, who reaches it, and when it was last connected")
    .argument("<id>", "the board's id")
    .addHelpText("after", "\nExample:\n  herald boards show lamp-1")
    .action(
      action(async (command, id: string) => {
        const board = await apiOf(globalOptions(command)).get<BoardShown>(pathOf(id));
        print(globalOptions(command).json === true, board, describeShown);
      }),
    );
}

function bindCommand(): Command {
  return talksToNode(new Command("bind"))
    .description("bind a board to its owner: both reach each other at once")
    .argument("<id>", "the board's id")
    .requiredOption("--user <id>", "the owner")
    .addHelpText("after", "\nExample:\n  herald boards bind lamp-1 --user m-00001")
    .action(
      action(async (command, id: string) => {
        const { user } = globalOptions(command) as { user?: string };
        const path = `${pathOf(id)}/bind`;
        const answer = await apiOf(globalOptions(command)).post<ChangeAnswer>(path, { user });
        print(globalOptions(command).json === true, answer, describeChange);
      }),
    );
}

function changeCommand(name: string, description: string): Command {
  return talksToNode(new Command(name))
    .description(description)
    .argument("<id>", "the board's id")
    .addHelpText("after", `\nExample:\n  herald boards ${name} lamp-1`)
    .action(
      action(async (command, id: string) => {
        const path = `${pathOf(id)}/${name}`;
        const answer = await apiOf(globalOptions(command)).post<ChangeAnswer>(path);
        print(globalOptions(command).json === true, answer, describeChange);
      }),
    );
}

interface Secret {
  readonly secret: string;
}

function secretCommand(): Command {
  return talksToNode(new Command("secret"))
    .description("show the secret that a board uses over UDP (role admin)")
    .argument("<id>", "the board's id")
    .option("--device <name>", "what the board calls its device; 'board' by default")
    .addHelpText("after", "\nExample:\n  herald boards secret lamp-1")
    .action(
      action(async (command, id: string) => {
        const { device } = globalOptions(command) as { device?: string };
        const query = device === undefined ? "" : `?${new URLSearchParams({ device })}`;
        const path = `${pathOf(id)}/secret${query}`;
        const secret = await apiOf(globalOptions(command)).get<Secret>(path);
        print(globalOptions(command).json === true, secret, (it) => it.secret);
      }),
    );
}

function rotateCommand(): Command {
  return talksToNode(new Command("rotate-secret"))
    .description("end a board's secret, tokens and connections; 'boards secret' shows the next")
    .argument("<id>", "the board's id")
    .addHelpText("after", "\nExample:\n  herald boards rotate-secret lamp-1")
    .action(
      action(async (command, id: string) => {
        const path = `${pathOf(id)}/rotate-secret`;
        const board = await apiOf(globalOptions(command)).post<Board>(path);
        print(globalOptions(command).json === true, board, (it) => describe(it));
      }),
    );
}

function forgetCommand(): Command {
  return talksToNode(new Command("forget"))
    .description("unbind a board and forget it")
    .argument("<id>", "the board's id")
    .addHelpText("after", "\nExample:\n  herald boards forget lamp-1")
    .action(
      action(async (command, id: string) => {
        const answer = await apiOf(globalOptions(command)).delete<ChangeAnswer>(pathOf(id));
        print(globalOptions(command).json === true, answer, describeChange);
      }),
    );
}

function pathOf(id: string): string {
  return `/v1/boards/${encodeURIComponent(id)}`;
}

/** What a change came to, in words. */
export function describeChange({ changed }: ChangeAnswer): string {
  return changed ? "done" : "it was so already";
}

function describe({ id, name, model, serial, mac, owner = "-", ...rest }: Board): string {
  const { secretVersion, registeredAt } = rest;
  const registered = instant(registeredAt);
  return fields({ id, name, model, serial, mac, owner, secretVersion, registered });
}

function describeShown(board: BoardShown): string {
  const { users, family = "-", lastSeen } = board;
  const reachedBy = users.map(({ user, role }) => `${user} (${role})`).join(", ");
  const seen = lastSeen === undefined ? "never" : instant(lastSeen);
  return `${describe(board)}\n${fields({ family, reachedBy, lastSeen: seen })}`;
}
