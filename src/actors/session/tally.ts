import type { Ledger } from "../../core/ledger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { DeadLetter } from "../kernel/actor.ts";
import { exportRoutes, RouteTally } from "./route-tally.ts";

/**
 * What became of pushes on this node: one object that all its sessions share.
 *
 * The ledger is that of volatile pushes, counted per session that one was meant for; what the
 * inbox keeps has its ledger in the store. Plain numbers, because a broadcast changes them once
 * per session (see `bench/fanout.ts`).
 */
export class PushTally {
  /** Messages between devices. */
  readonly routes = new RouteTally();
  /** Sessions that have a connection. */
  attached = 0;
  /** Pushes handed to connections, of both kinds and including repeated ones. */
  written = 0;
  redelivered = 0;
  accepted = 0;
  delivered = 0;
  expired = 0;
  shed = 0;
  /** Sent to a session that has not handled it yet. */
  pending = 0;

  accept(sessions: number): void {
    this.accepted += sessions;
    this.pending += sessions;
  }

  settle(outcome: "delivered" | "expired" | "shed"): void {
    this.pending--;
    this[outcome]++;
  }

  /** A volatile push that counted as delivered was refused by its connection. */
  refuse(): void {
    this.written--;
    this.delivered--;
    this.shed++;
  }

  /** Told of every dead letter: a volatile push that never reached its session is shed. */
  deadLetter({ message }: Pick<DeadLetter, "message">): void {
    if (isVolatilePush(message)) this.settle("shed");
  }

  ledger(): Ledger {
    const { accepted, delivered, expired, shed, pending } = this;
    return { accepted, delivered, expired, shed, pending, acked: 0, unknown: 0 };
  }
}

/** Exports the figures; they are read when somebody asks. */
export function exportTally(tally: PushTally, metrics: Metrics): void {
  const volatileHelp = "Volatile pushes, per session that one was meant for.";
  for (const outcome of ["accepted", "delivered", "expired", "shed", "pending"] as const) {
    metrics.observe("herald_volatile_pushes", volatileHelp, () => tally[outcome], { outcome });
  }
  const attachedHelp = "Sessions that have a connection.";
  metrics.observe("herald_sessions_attached", attachedHelp, () => tally.attached);
  const writtenHelp = "Pushes handed to connections since the start.";
  metrics.observe("herald_pushes_written", writtenHelp, () => tally.written);
  const redeliveredHelp = "Those among them that may have been received before.";
  metrics.observe("herald_pushes_redelivered", redeliveredHelp, () => tally.redelivered);
  exportRoutes(tally.routes, metrics);
}

function isVolatilePush(message: unknown): boolean {
  if (typeof message !== "object" || message === null) return false;
  const { type, push } = message as { type?: unknown; push?: { offset?: unknown } };
  return type === "push" && typeof push === "object" && push.offset === undefined;
}
