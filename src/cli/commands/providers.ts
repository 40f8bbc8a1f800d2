import { Command } from "commander";
import { newVapidKeys } from "../../core/web-push.ts";
import { duration, fields, print, table } from "../output.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** `herald providers`: what campaigns can send through, and what it is doing. */
export function providersCommand(): Command {
  return new Command("providers")
    .description("show what campaigns can send through, and what it is doing")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(vapidKeysCommand());
}

type Figures = Readonly<Record<string, number | string>>;

/** A provider as the node tells of it. */
interface ProviderShown {
  readonly name: string;
  readonly capabilities: Readonly<Record<string, number | string | boolean>>;
  readonly state?: {
    readonly inFlight: number;
    readonly waiting: number;
    readonly items: Readonly<Record<string, number>>;
    readonly latencyMs: number;
    readonly gates: Readonly<Record<string, Figures>>;
  };
}

function listCommand(): Command {
  return talksToNode(new Command("list"))
    .description("list the providers: what became of messages, and whether they are held up")
    .addHelpText("after", "\nExample:\n  herald providers list")
    .action(
      action(async (command) => {
        const path = "/v1/providers";
        const list = await apiOf(globalOptions(command)).get<{ items: ProviderShown[] }>(path);
        print(globalOptions(command).json === true, list, ({ items }) =>
          table(HEADER, items.map(rowOf)),
        );
      }),
    );
}

const HEADER = [
  ...["NAME", "BREAKER", "RATE", "CALLS", "WAITING", "LATENCY", "TAKEN", "REFUSED", "IN DOUBT"],
];

function rowOf({ name, state }: ProviderShown): string[] {
  if (state === undefined) return [name, ...HEADER.slice(1).map(() => "-")];
  const { inFlight, waiting, items, latencyMs, gates } = state;
  const { ok = 0, handed = 0, refused = 0, invalid = 0, unknown = 0 } = items;
  const max = gates["concurrency"]?.["limit"];
  const calls = max === undefined ? `${inFlight}` : `${inFlight} of ${Math.floor(Number(max))}`;
  const counts = [ok + handed, refused + invalid, unknown].map(String);
  const breaker = String(gates["breaker"]?.["state"] ?? "-");
  const perSecond = Number(gates["rate"]?.["perSecond"] ?? 0);
  const rate = perSecond === 0 ? "-" : `${perSecond}/s`;
  return [name, breaker, rate, calls, `${waiting}`, duration(latencyMs), ...counts];
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show what one provider can do, its limits and what became of messages")
    .argument("<name>", "as campaigns call it")
    .addHelpText("after", "\nExample:\n  herald providers show webpush")
    .action(
      action(async (command, name: string) => {
        const path = `/v1/providers/${encodeURIComponent(name)}`;
        const provider = await apiOf(globalOptions(command)).get<ProviderShown>(path);
        print(globalOptions(command).json === true, provider, describe);
      }),
    );
}

function describe({ name, capabilities, state }: ProviderShown): string {
  const lines = [fields({ name, ...capabilities })];
  if (state === undefined) return lines.join("\n");
  const { inFlight, waiting, items, latencyMs, gates } = state;
  lines.push("now:", fields({ inFlight, waiting, latency: duration(latencyMs) }));
  lines.push("messages since the start:", fields(items));
  for (const [gate, figures] of Object.entries(gates)) lines.push(`${gate}:`, fields(figures));
  return lines.join("\n");
}

function vapidKeysCommand(): Command {
  return new Command("vapid-keys")
    .description("make a pair of keys for web push; nothing is stored")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nPut privateKey into providers.webPush, and give publicKey to pages as their\n" +
        "applicationServerKey. Browsers subscribe to one key: keep it.\n\n" +
        "Example:\n  herald providers vapid-keys",
    )
    .action(
      action(async (command) => {
        print(globalOptions(command).json === true, newVapidKeys(), ({ publicKey, privateKey }) =>
          fields({ publicKey, privateKey }),
        );
      }),
    );
}
