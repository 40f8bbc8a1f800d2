import { Command } from "commander";
import { type Figure, figureOf } from "../../core/figure.ts";
import type { ApiClient } from "../api.ts";
import { display, duration, fields, print, table } from "../output.ts";
import { action, apiOf, globalOptions, talksToNode } from "../session.ts";

/** What a node says of itself every two seconds. */
interface Sample {
  readonly node: string;
  readonly version: string;
  readonly uptimeMs: number;
  readonly at: number;
  readonly memory: Readonly<Record<"rss" | "heapUsed" | "heapTotal" | "external", number>>;
  readonly cpuSeconds: number;
  readonly eventLoopMs: Readonly<Record<"mean" | "p50" | "p99" | "max", number>>;
  readonly devices: Readonly<Record<"sessions" | "connected" | "users" | "boards", number>>;
  readonly figures: readonly Figure[];
  readonly actors: {
    readonly busiest: readonly {
      readonly path: string;
      readonly turnsPerSecond: number;
      readonly turnMs: { readonly mean: number; readonly max: number };
      readonly mailbox: { readonly length: number };
    }[];
  };
}

/** What `herald top` shows: the latest sample, and how fast its counters have grown. */
interface Top extends Omit<Sample, "figures" | "actors"> {
  /** Share of one processor, in percent. */
  readonly cpuPercent: number;
  readonly perSecond: Readonly<Record<string, number>>;
  readonly busiest: Sample["actors"]["busiest"];
}

/** What grows, by the name it is shown under: series and labels. */
const RATES: Readonly<Record<string, readonly (readonly [string, Record<string, string>?])[]>> = {
  "frames in": [
    ["herald_ws_frames_in_total"],
    ["herald_udp_frames_in_total"],
    ["herald_classic_messages_in_total"],
  ],
  "frames out, WebSocket": [["herald_ws_frames_out_total"]],
  "pushes accepted": [["herald_ledger_messages", { outcome: "accepted" }]],
  "pushes written": [["herald_pushes_written"]],
  "between devices": [["herald_routed", { outcome: "accepted" }]],
  publications: [["herald_publications_total"]],
  "handed to subscribers": [["herald_publications_fanned_out_total"]],
  uploads: [["herald_uploads_total"]],
  "requests of the API": [["herald_http_requests_total"]],
  turns: [["herald_actor_turns_total"]],
};

/** Moves to the top left and clears what is below. */
const CLEAR = "\u001b[H\u001b[J";

/** `herald top`: what a node does at this moment. */
export function topCommand(): Command {
  return talksToNode(new Command("top"))
    .description("show what a node does: rates, devices, memory, busiest actors; Ctrl-C ends it")
    .option("--once", "print it once, after one measurement of two seconds")
    .addHelpText(
      "after",
      "\nWith --json it prints a line of JSON per sample.\n\nExample:\n  herald top --once --json",
    )
    .action(
      action(async (command) => {
        const { once = false } = command.opts<{ once?: boolean }>();
        const json = globalOptions(command).json === true;
        const isLive = !once && !json && process.stdout.isTTY;
        for await (const top of samples(apiOf(globalOptions(command)))) {
          print(json, top, (it) => `${isLive ? CLEAR : ""}${describe(it)}`);
          if (once) return;
        }
      }),
    );
}

async function* samples(api: ApiClient): AsyncGenerator<Top> {
  let before: Sample | undefined;
  for await (const { event, data } of api.events("/v1/status/events")) {
    if (event !== "status") continue;
    const latest = JSON.parse(data) as Sample;
    if (before !== undefined && latest.at > before.at) yield topOf(latest, before);
    before = latest;
  }
}

function topOf(latest: Sample, before: Sample): Top {
  const seconds = (latest.at - before.at) / 1000;
  const grown = (read: (sample: Sample) => number): number =>
    Math.max(0, Math.round(((read(latest) - read(before)) / seconds) * 10) / 10);
  const { figures: _, actors, ...rest } = latest;
  const rates = Object.entries(RATES).map(([shown, series]) => {
    const of = ({ figures }: Sample): number =>
      series.reduce((sum, [name, labels]) => sum + figureOf(figures, name, labels), 0);
    return [shown, grown(of)];
  });
  return {
    ...rest,
    cpuPercent: grown(({ cpuSeconds }) => cpuSeconds * 100),
    perSecond: Object.fromEntries(rates),
    busiest: actors.busiest,
  };
}

function describe(top: Top): string {
  const { node, version, uptimeMs, memory, eventLoopMs, devices, cpuPercent } = top;
  const { sessions, connected, users, boards } = devices;
  const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
  const loop = `${eventLoopMs.p99} ms late at p99, ${eventLoopMs.max} at most`;
  const who = `${display(connected)} of ${display(sessions)} sessions`;
  const busiest = top.busiest.map(({ path, turnsPerSecond, turnMs, mailbox }) => {
    return [path, display(turnsPerSecond), turnMs.mean.toFixed(3), display(mailbox.length)];
  });
  return [
    `${node} ${version}, up ${duration(uptimeMs)}`,
    fields({
      ...{ connected: who, users, boards },
      memory: `${megabytes(memory.rss)}, heap ${megabytes(memory.heapUsed)}`,
      ...{ processor: `${cpuPercent} %`, "event loop": loop },
    }),
    "per second",
    fields(top.perSecond),
    table(["busiest actors", "turns/s", "turn ms", "mailbox"], busiest),
  ].join("\n");
}
