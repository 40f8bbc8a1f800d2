import type { Random } from "../../core/random.ts";
import type { EndReason, Supervision } from "./actor.ts";
import { type Cell, type Family, Status } from "./cell.ts";
import { begin, end, endChildren, endLife, type LifecycleHost } from "./lifecycle.ts";
import { WheelEntry } from "./timer-wheel.ts";

const INTENSITY = { max: 5, withinMs: 10_000 };
const BACKOFF = { minMs: 100, maxMs: 10_000 };

/** What supervision needs from the actor system. */
export interface SupervisionHost extends LifecycleHost {
  readonly random: Random;
  monotonic(): number;
  restarted(cell: Cell): void;
  /** A supervisor gave up. */
  escalated(cell: Cell, error: unknown): void;
  /** Nobody is left to decide. */
  escalatedToRoot(cell: Cell, error: unknown): void;
}

/** A child crashed, gave up as a supervisor, or ended itself: starts it again or ends it (OTP). */
export function supervise(
  host: SupervisionHost,
  cell: Cell,
  reason: EndReason,
  error: unknown,
): void {
  const { parent } = cell;
  if (parent === undefined || !mayRestart(cell, parent, reason)) {
    end(host, cell, reason);
    if (reason === "escalated" && cell.type.passive) host.escalatedToRoot(cell, error);
    return;
  }
  const now = host.monotonic();
  const family = parent.family!;
  if (tooMany(family, parent.type.supervision, now)) {
    return escalate(host, { cell, parent, reason }, error);
  }
  const pauseMs = pauseBefore(host.random, cell, parent.type.supervision, now);
  const group = restartGroup(family, cell, parent.type.supervision?.strategy);
  const again = group.filter((one) => suspend(host, one, one === cell ? reason : "stopped"));
  restartAfter(host, family, again.reverse(), pauseMs);
}

function mayRestart(cell: Cell, parent: Cell, reason: EndReason): boolean {
  const restart = cell.type.restart ?? "transient";
  // Nothing starts again below a supervisor that is leaving.
  if (parent.status !== Status.running || cell.type.passive) return false;
  // Nor does one that drains, unless it did so by its own wish and is to be there always.
  const leaving = cell.status === Status.draining && !cell.rare?.bySelf;
  if (leaving || (cell.status === Status.draining && restart !== "permanent")) return false;
  if (restart === "temporary") return false;
  return restart === "permanent" || reason === "crashed" || reason === "escalated";
}

/** Counts a restart, and tells whether it is one too many. */
function tooMany(family: Family, supervision: Supervision | undefined, now: number): boolean {
  const { max, withinMs } = supervision?.intensity ?? INTENSITY;
  family.restartedAt = family.restartedAt.filter((at) => now - at <= withinMs);
  family.restartedAt.push(now);
  return family.restartedAt.length > max;
}

/** The supervisor ends with all its children, and its own supervisor takes that for a crash. */
function escalate(
  host: SupervisionHost,
  failed: { readonly cell: Cell; readonly parent: Cell; readonly reason: EndReason },
  error: unknown,
): void {
  const { cell, parent, reason } = failed;
  if (parent.parent === undefined) {
    end(host, cell, reason);
    return host.escalatedToRoot(cell, error);
  }
  host.escalated(parent, error);
  end(host, cell, reason);
  endChildren(host, parent);
  parent.family!.restartedAt = [];
  supervise(host, parent, "escalated", error);
}

/** How long to wait before the n-th restart in a row; a quiet while begins a new row. */
function pauseBefore(
  random: Random,
  cell: Cell,
  supervision: Supervision | undefined,
  now: number,
): number {
  const { withinMs } = supervision?.intensity ?? INTENSITY;
  const { minMs, maxMs } = supervision?.backoff ?? BACKOFF;
  const rare = cell.rarely();
  rare.streak = rare.streak > 0 && now - rare.upAt <= withinMs ? rare.streak + 1 : 1;
  const pauseMs = Math.min(maxMs, minMs * 2 ** (rare.streak - 1));
  return pauseMs * (1 - random() / 2);
}

/** Who starts again with `cell`: the youngest first, as they are to end. */
function restartGroup(
  family: Family,
  cell: Cell,
  strategy: Supervision["strategy"] = "one-for-one",
): Cell[] {
  if (strategy === "one-for-one") return [cell];
  const all = [...family.children.values()];
  const group = strategy === "one-for-all" ? all : all.slice(all.indexOf(cell));
  // One that drains is on its way out.
  return group.filter((one) => one === cell || one.status !== Status.draining).reverse();
}

/** Ends a life and prepares the next; returns whether there is one. */
function suspend(host: SupervisionHost, cell: Cell, reason: EndReason): boolean {
  if (cell.type.restart === "temporary") {
    end(host, cell, reason);
    return false;
  }
  const hadLife = cell.status !== Status.restarting;
  cell.status = Status.restarting;
  endChildren(host, cell);
  if (hadLife) {
    endLife(host, cell, reason);
    cell.restarts++;
    host.restarted(cell);
  }
  cell.state = cell.initial;
  return true;
}

function restartAfter(host: SupervisionHost, family: Family, group: Cell[], pauseMs: number): void {
  const pause = new Pause(host, family, group);
  for (const cell of group) family.pauses.set(cell, pause);
  // Several start in order only if none of them is still in the batch in which it crashed.
  if (pauseMs > 0 || group.length > 1) host.wheel.set(pause, pauseMs);
  else pause.fire();
}

/** The time between a crash and the restart of those it concerns, in start order. */
class Pause extends WheelEntry {
  readonly #host: SupervisionHost;
  readonly #family: Family;
  readonly #group: readonly Cell[];

  constructor(host: SupervisionHost, family: Family, group: readonly Cell[]) {
    super();
    this.#host = host;
    this.#family = family;
    this.#group = group;
  }

  fire(): void {
    for (const cell of this.#group) {
      // A later crash of a sibling may have made it wait for another pause; or it ended.
      if (this.#family.pauses.get(cell) !== this) continue;
      this.#family.pauses.delete(cell);
      cell.rarely().upAt = this.#host.monotonic();
      begin(cell);
    }
  }
}
