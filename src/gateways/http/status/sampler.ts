import type { ActorSnapshot } from "../../../actors/kernel/actor.ts";
import type { ActorSystem } from "../../../actors/kernel/system.ts";
import { sessionKind } from "../../../actors/session/messages.ts";
import { userKind } from "../../../actors/user/messages.ts";
import { kindOf } from "../../../core/address.ts";
import type { Clock } from "../../../core/clock.ts";
import { type Figure, figureOf } from "../../../core/figure.ts";

/** How long one sample serves all who ask, in milliseconds. */
const FRESH_MS = 1_000;
/** Children of one supervisor that are looked at for the busiest actors. */
const CHILDREN_MAX = 500;
const BUSIEST = 10;
/** How often the event loop's delay is looked at; prom-client's default. */
const LOOK_EVERY_MS = 10;
/** A rate over a longer time than this says nothing of now. */
const RATE_OVER_MS = 60_000;

/** What it looks at. */
interface Ports {
  readonly about: {
    readonly version: string;
    readonly startedAt: number;
    readonly figures: () => Promise<readonly Figure[]>;
  };
  readonly clock: Clock;
  readonly system: Pick<ActorSystem, "node" | "inspect" | "each" | "count">;
}

export type Sample = Awaited<ReturnType<typeof take>>;

/** What the node is and does, taken once a second at most, however many look. */
export class StatusSampler {
  readonly #ports: Ports;
  #at = Number.NEGATIVE_INFINITY;
  #latest: Promise<Sample> | undefined;
  /** Turns by path, and when: what a rate is counted from. */
  #turns: { readonly at: number; readonly of: ReadonlyMap<string, number> } | undefined;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  sample(): Promise<Sample> {
    const now = this.#ports.clock.monotonic();
    if (this.#latest !== undefined && now - this.#at < FRESH_MS) return this.#latest;
    this.#at = now;
    const { actors, busiest } = this.#actors(now);
    this.#latest = take(this.#ports, { tree: actors, busiest });
    return this.#latest;
  }

  /** The top of the tree, and who of the first actors below it has had the most turns lately. */
  #actors(now: number) {
    const { system } = this.#ports;
    const actors = system.inspect({});
    const all = actors.flatMap((it) => {
      const below = it.children > 0 ? system.inspect({ under: it.path, limit: CHILDREN_MAX }) : [];
      return [it, ...below];
    });
    const before = this.#turns;
    const isUseful = before !== undefined && now - before.at < RATE_OVER_MS;
    const seconds = isUseful ? (now - before.at) / 1000 : 0;
    this.#turns = { at: now, of: new Map(all.map(({ path, turns }) => [path, turns])) };
    const rated = all.map((it) => {
      const turns = it.turns - (before?.of.get(it.path) ?? 0);
      return { ...it, turnsPerSecond: isUseful && seconds > 0 ? round(turns / seconds) : 0 };
    });
    const busiest = rated
      .filter(({ turns }) => turns > 0)
      .sort((a, b) => b.turnsPerSecond - a.turnsPerSecond || b.turns - a.turns)
      .slice(0, BUSIEST);
    return { actors, busiest };
  }
}

interface Actors {
  readonly tree: readonly ActorSnapshot[];
  readonly busiest: readonly (ActorSnapshot & { readonly turnsPerSecond: number })[];
}

async function take({ about, clock, system }: Ports, actors: Actors) {
  const figures = await about.figures();
  const figure = (name: string): number => figureOf(figures, name);
  const now = clock.now();
  let boards = 0;
  system.each(userKind, (_, key) => {
    if (kindOf(key) === "board") boards += 1;
  });
  return {
    node: system.node,
    version: about.version,
    startedAt: about.startedAt,
    uptimeMs: Math.max(0, now - about.startedAt),
    at: now,
    memory: {
      rss: figure("process_resident_memory_bytes"),
      heapUsed: figure("nodejs_heap_size_used_bytes"),
      heapTotal: figure("nodejs_heap_size_total_bytes"),
      external: figure("nodejs_external_memory_bytes"),
    },
    cpuSeconds: figure("process_cpu_seconds_total"),
    eventLoopMs: {
      mean: lateMs(figure("nodejs_eventloop_lag_mean_seconds")),
      p50: lateMs(figure("nodejs_eventloop_lag_p50_seconds")),
      p99: lateMs(figure("nodejs_eventloop_lag_p99_seconds")),
      max: lateMs(figure("nodejs_eventloop_lag_max_seconds")),
    },
    devices: {
      sessions: system.count(sessionKind),
      connected: figure("herald_sessions_attached"),
      users: system.count(userKind) - boards,
      boards,
    },
    figures: figures.filter(isOwn),
    actors,
  };
}

function isOwn({ name }: Figure): boolean {
  return name.startsWith("herald_");
}

/** The series of Node.js have the time from look to look: what is over is lateness. */
function lateMs(seconds: number): number {
  return round(Math.max(0, seconds * 1000 - LOOK_EVERY_MS));
}

function round(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : 0;
}
