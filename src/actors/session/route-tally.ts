import type { Metrics } from "../../core/metrics.ts";

/** What became of messages between devices on this node; each ends in one of these. */
export class RouteTally {
  /** Taken from devices; the others add up to it. */
  accepted = 0;
  /** On their way: their sender has been told nothing yet. */
  pending = 0;
  /** Their sender's session ended before it could be told. */
  lost = 0;
  /** Told as `sent`. */
  sent = 0;
  /** Told as `answer`. */
  answered = 0;
  /** Answers that nobody waits for any more: another came first, or the time was over. */
  answersLate = 0;
  /** Answers of devices that were not asked. */
  answersStray = 0;
  readonly refused = new Map<string, number>();

  /** Told as an error with this code. */
  refuse(code: string): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }
}

const CODES = [
  "mailbox.full",
  "route.forbidden",
  "route.offline",
  "route.timeout",
  "route.too-many",
  "store.unavailable",
];

export function exportRoutes(routes: RouteTally, metrics: Metrics): void {
  const help = "Messages between devices, by what their sender was told.";
  const name = "herald_routed";
  for (const outcome of ["accepted", "pending", "lost", "sent", "answered"] as const) {
    metrics.observe(name, help, () => routes[outcome], { outcome });
  }
  for (const code of CODES) {
    metrics.observe(name, help, () => routes.refused.get(code) ?? 0, { outcome: code });
  }
  const dropped = "Answers of devices that went nowhere.";
  metrics.observe("herald_answers_dropped", dropped, () => routes.answersLate, { why: "late" });
  metrics.observe("herald_answers_dropped", dropped, () => routes.answersStray, { why: "stray" });
}
