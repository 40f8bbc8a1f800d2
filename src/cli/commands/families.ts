import { Command } from "commander";
import type { ChangeAnswer, Family } from "../../actors/relations/messages.ts";
import { instant, print, table } from "../output.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";
import { describeChange } from "./boards.ts";

const asRole = ["--as <role>", "member, or guest: a guest commands nothing"] as const;

/** `herald families`: users who share their boards. */
export function familiesCommand(): Command {
  return new Command("families")
    .description("show and change families: users who share their boards")
    .addCommand(showCommand())
    .addCommand(
      userCommand("invite", "invite a user; the first invitation begins the family").option(
        ...asRole,
        "member",
      ),
    )
    .addCommand(userCommand("role", "change a user's role").requiredOption(...asRole))
    .addCommand(userCommand("join", "accept a user's invitation"))
    .addCommand(userCommand("refuse", "refuse a user's invitation"))
    .addCommand(userCommand("quit", "let a user leave; the user's boards go along"))
    .addCommand(userCommand("remove", "remove a user, or withdraw an invitation"))
    .addCommand(dismissCommand());
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show who is in a family, and who is invited")
    .argument("<host>", "the user who is its host")
    .addHelpText("after", "\nExample:\n  herald families show m-00001")
    .action(
      action(async (command, host: string) => {
        const family = await apiOf(globalOptions(command)).get<Family>(pathOf(host));
        print(globalOptions(command).json === true, family, ({ members }) =>
          table(["user", "role", "since", "invited"], members.map(rowOf)),
        );
      }),
    );
}

function rowOf({ user, role, since, isInvited }: Family["members"][number]): string[] {
  return [user, role, instant(since), isInvited ? "yes" : ""];
}

function userCommand(name: string, description: string): Command {
  return talksToNode(new Command(name))
    .description(description)
    .argument("<host>", "the user who is the family's host")
    .argument("<user>", "whom it is about")
    .addHelpText("after", `\nExample:\n  herald families ${name} m-00001 m-00002${example(name)}`)
    .action(
      action(async (command, host: string, user: string) => {
        const { as: role } = globalOptions(command) as { as?: string };
        const path = `${pathOf(host)}/${name}`;
        const answer = await apiOf(globalOptions(command)).post<ChangeAnswer>(path, { user, role });
        print(globalOptions(command).json === true, answer, describeChange);
      }),
    );
}

function example(name: string): string {
  return name === "role" ? " --as guest" : "";
}

function dismissCommand(): Command {
  return talksToNode(new Command("dismiss"))
    .description("end a family; every user keeps the own boards")
    .argument("<host>", "the user who is its host")
    .addHelpText("after", "\nExample:\n  herald families dismiss m-00001")
    .action(
      action(async (command, host: string) => {
        const path = `${pathOf(host)}/dismiss`;
        const answer = await apiOf(globalOptions(command)).post<ChangeAnswer>(path);
        print(globalOptions(command).json === true, answer, describeChange);
      }),
    );
}

function pathOf(host: string): string {
  return `/v1/families/${encodeURIComponent(host)}`;
}
