import { Command } from "commander";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import type { TraceLine } from "../../core/trace.ts";
import { knownCode } from "../api.ts";
import { fields, instant, print, readDuration } from "../output.ts";
import { listsPages, pagePath, pageTable } from "../paging.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

const MINUTE_MS = 60_000;
const TRACE_MAX_MS = 60 * MINUTE_MS;

/** `herald devices`: who is connected, what happened to them, and what can be done about it. */
export function devicesCommand(): Command {
  return new Command("devices")
    .description("list, show, end, write to, follow and explain the sessions of devices")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(whyCommand())
    .addCommand(kickCommand())
    .addCommand(sendCommand())
    .addCommand(traceCommand());
}

interface Session {
  readonly id: string;
  readonly principal: string;
  readonly device: string;
  readonly isConnected: boolean;
  readonly transport?: string;
  readonly address?: string;
  readonly since?: number;
  readonly heardAt?: number;
  readonly backlog: number;
  readonly subscriptions: readonly string[];
}

interface Sessions {
  readonly items: readonly Session[];
  readonly next?: string;
  readonly lastSeen?: number;
}

interface Shown {
  readonly id: string;
  readonly isConnected: boolean;
  readonly lastSeen?: number;
  readonly sessions: readonly Session[];
  readonly inbox: Readonly<Record<"head" | "forgotten" | "waiting", number>>;
}

function listCommand(): Command {
  return listsPages(talksToNode(new Command("list")))
    .description("list the sessions that live on the node, the oldest first")
    .option("--user <id>", "only those of this user")
    .option("--board <id>", "only those of this board")
    .addHelpText("after", "\nExample:\n  herald devices list --user m-00001")
    .action(
      action(async (command) => {
        const { user, board } = globalOptions(command) as { user?: string; board?: string };
        const path = pagePath("/v1/devices", command, { user, board });
        const page = await apiOf(globalOptions(command)).get<Sessions>(path);
        print(globalOptions(command).json === true, page, describeList);
      }),
    );
}

function describeList({ items, next, lastSeen }: Sessions): string {
  const shown = pageTable(HEADER, items.map(rowOf), next);
  return lastSeen === undefined ? shown : `${shown}\nlast seen ${instant(lastSeen)}`;
}

const HEADER = ["who", "device", "over", "from", "since", "heard", "waiting", "topics", "session"];

function rowOf(session: Session): string[] {
  const { principal, device, isConnected, transport = "?", address = "" } = session;
  const { since, heardAt, backlog, subscriptions, id } = session;
  const at = (when: number | undefined): string => (when === undefined ? "-" : instant(when));
  const over = isConnected ? transport : "away";
  return [
    ...[principal, device, over, address, at(since), at(heardAt)],
    ...[`${backlog}`, `${subscriptions.length}`, id],
  ];
}

function showCommand(): Command {
  return talksToNode(new Command("show"))
    .description("show a user, a board or a session: connections, topics, what waits")
    .argument("<id>", ID)
    .addHelpText("after", "\nExample:\n  herald devices show user:m-00001")
    .action(
      action(async (command, id: string) => {
        const shown = await apiOf(globalOptions(command)).get<Shown>(pathOf(id));
        print(globalOptions(command).json === true, shown, describe);
      }),
    );
}

function describe({ id, isConnected, lastSeen, sessions, inbox }: Shown): string {
  const seen = lastSeen === undefined ? "never" : instant(lastSeen);
  const topics = sessions.flatMap(({ device, subscriptions }) =>
    subscriptions.map((topic) => `  ${device} is subscribed to ${topic}`),
  );
  return [
    fields({
      ...{ id, connected: isConnected ? "yes" : "no", "last seen": seen },
      ...{ "messages so far": inbox.head, waiting: inbox.waiting },
    }),
    ...(sessions.length === 0 ? [] : [pageTable(HEADER, sessions.map(rowOf), undefined)]),
    ...topics,
  ].join("\n");
}

interface Why {
  readonly id: string;
  readonly answer: string;
  readonly events: readonly { readonly at: number; readonly words: string }[];
  readonly inbox: string;
  readonly messages: readonly {
    readonly offset: number;
    readonly topic?: string;
    readonly words: string;
  }[];
}

function whyCommand(): Command {
  return talksToNode(new Command("why"))
    .description("say what happened to its last connections and messages, and why")
    .argument("<id>", ID)
    .option("--push <id>", "tell of this push instead of what waits")
    .addHelpText("after", "\nExample:\n  herald devices why board:lamp-1")
    .action(
      action(async (command, id: string) => {
        const { push } = command.opts<{ push?: string }>();
        const query = push === undefined ? "" : `?push=${encodeURIComponent(push)}`;
        const why = await apiOf(globalOptions(command)).get<Why>(`${pathOf(id)}/why${query}`);
        print(globalOptions(command).json === true, why, describeWhy);
      }),
    );
}

function describeWhy({ answer, events, inbox, messages }: Why): string {
  const topicOf = (topic: string | undefined): string => (topic === undefined ? "" : ` (${topic})`);
  return [
    answer,
    ...events.map(({ at, words }) => `  ${instant(at)}  ${words}`),
    inbox,
    ...messages.map(({ offset, topic, words }) => `  message ${offset}${topicOf(topic)} ${words}`),
  ].join("\n");
}

function kickCommand(): Command {
  return talksToNode(new Command("kick"))
    .description("end its sessions, and tell it why")
    .argument("<id>", ID)
    .requiredOption("--why <reason>", "told to the device, and on record")
    .addHelpText("after", '\nExample:\n  herald devices kick user:m-00001 --why "phone was lost"')
    .action(
      action(async (command, id: string) => {
        const { why } = command.opts<{ why: string }>();
        const api = apiOf(globalOptions(command));
        const done = await api.post<{ sessions: number }>(`${pathOf(id)}/kick`, { why });
        print(globalOptions(command).json === true, done, ({ sessions }) =>
          sessions === 0 ? "nobody was there" : `${sessions} ended`,
        );
      }),
    );
}

interface Sent {
  readonly result: string;
  readonly offset?: number;
  readonly reached?: number;
  readonly code?: string;
  readonly why?: string;
}

function sendCommand(): Command {
  return talksToNode(new Command("send"))
    .description("send it one message, by default only if it is connected now")
    .argument("<id>", ID)
    .argument("<payload>", "JSON")
    .option("--topic <name>", "what it is about", "message")
    .option("--keep <time>", "how long it waits for its user or board, as 24h")
    .addHelpText("after", `\nExample:\n  herald devices send user:m-00001 '{"text":"call us"}'`)
    .action(
      action(async (command, id: string, text: string) => {
        const { topic, keep } = command.opts<{ topic: string; keep?: string }>();
        const problems: Problem[] = [];
        const ttlMs = readDuration("--keep", keep, problems) ?? 0;
        const payload = readJson(text, problems);
        if (problems.length > 0) throw new RuntimeError("cli.invalid", "options", { problems });
        const body = { topic, payload, ttlMs };
        const sent = await apiOf(globalOptions(command)).post<Sent>(`${pathOf(id)}/send`, body);
        mustArrive(id, sent);
        print(globalOptions(command).json === true, sent, describeSent);
      }),
    );
}

function readJson(text: string, problems: Problem[]): unknown {
  try {
    return JSON.parse(text);
  } catch {
    problems.push({ path: "payload", expected: `JSON, as '{"text":"hello"}'`, got: text });
    return undefined;
  }
}

/** @throws RuntimeError `route.offline` when it waits nowhere and reached nobody; what was told. */
function mustArrive(id: string, { result, reached, code, why }: Sent): void {
  if (result === "reached" && reached === 0) {
    const message = `nobody is connected as ${id}: to let it wait for them, add --keep 24h`;
    throw new RuntimeError("route.offline", message);
  }
  if (result === "recorded" || result === "reached") return;
  throw new RuntimeError(knownCode(code), why ?? result);
}

function describeSent({ result, offset, reached }: Sent): string {
  return result === "recorded" ? `recorded as message ${offset}` : `reached ${reached}`;
}

function traceCommand(): Command {
  return talksToNode(new Command("trace"))
    .description("follow everything that its sessions do; Ctrl-C stops looking")
    .argument("<id>", ID)
    .option("--for <time>", "how long, 1m to 60m", "5m")
    .addHelpText("after", "\nExample:\n  herald devices trace user:m-00001 --for 10m")
    .action(
      action(async (command, id: string) => {
        const options = command.opts<{ for: string }>();
        const problems: Problem[] = [];
        const lastsMs = readDuration("--for", options.for, problems) ?? MINUTE_MS;
        if (lastsMs < MINUTE_MS || lastsMs > TRACE_MAX_MS) {
          problems.push({ path: "--for", expected: "1m to 60m", got: options.for });
        }
        if (problems.length > 0) throw new RuntimeError("cli.invalid", "--for", { problems });
        const api = apiOf(globalOptions(command));
        const minutes = Math.ceil(lastsMs / MINUTE_MS);
        const { until } = await api.post<{ until: number }>(`${pathOf(id)}/trace`, { minutes });
        process.stderr.write(`following ${id} until ${instant(until)}; Ctrl-C stops looking\n`);
        for await (const { event, data } of api.events(`${pathOf(id)}/trace`)) {
          if (event !== "line") continue;
          print(globalOptions(command).json === true, JSON.parse(data) as TraceLine, traceWords);
        }
      }),
    );
}

function traceWords({ at, session, way, type, details }: TraceLine): string {
  const arrow = { in: "->", out: "<-", connection: "--" }[way];
  return `${new Date(at).toISOString()}  ${session}  ${arrow} ${type} ${details}`;
}

const ID = "user:<id>, board:<id>, or a session's id";

function pathOf(id: string): string {
  return `/v1/devices/${encodeURIComponent(id)}`;
}
