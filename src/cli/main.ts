import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { audienceCommand } from "./commands/audience.ts";
import { benchCommand } from "./commands/bench.ts";
import { boardsCommand } from "./commands/boards.ts";
import { campaignCommand } from "./commands/campaign.ts";
import { checkConfigCommand } from "./commands/check-config.ts";
import { demoCommand } from "./commands/demo.ts";
import { devicesCommand } from "./commands/devices.ts";
import { familiesCommand } from "./commands/families.ts";
import { membersCommand } from "./commands/members.ts";
import { bansCommand, nodeCommand } from "./commands/node.ts";
import { providersCommand } from "./commands/providers.ts";
import { startCommand } from "./commands/start.ts";
import { tokenCommand } from "./commands/token.ts";
import { topCommand } from "./commands/top.ts";
import { topicsCommand } from "./commands/topics.ts";
import { uploadsCommand } from "./commands/uploads.ts";

const program = new Command("herald")
  .description("One server for products that reach people through their devices and phones.")
  .version(packageJson.version)
  .showHelpAfterError("(add --help for usage and an example)")
  .addHelpText(
    "after",
    `
First steps:
  herald demo                                a campaign to 10 000 members, in under a minute
  herald start                               a node on 127.0.0.1:9010, data under ./data
  herald members import members.ndjson       who can be reached, and what is known of them
  herald audience import members.csv         who is to be reached
  herald campaign create --help              what they are to get`,
  );

for (const command of [
  startCommand(),
  demoCommand(),
  membersCommand(),
  audienceCommand(),
  campaignCommand(),
  providersCommand(),
  devicesCommand(),
  topicsCommand(),
  topCommand(),
  bansCommand(),
  nodeCommand(),
  boardsCommand(),
  familiesCommand(),
  uploadsCommand(),
  tokenCommand(),
  checkConfigCommand(),
  benchCommand(),
]) {
  program.addCommand(command);
}
inherit(program);

await program.parseAsync();

/** Gives every command below what is set above it, such as the pointer to --help after errors. */
function inherit(parent: Command): void {
  for (const command of parent.commands) inherit(command.copyInheritedSettings(parent));
}
