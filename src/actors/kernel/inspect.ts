import type { ActorSnapshot } from "./actor.ts";
import { type Cell, pathPart, Status } from "./cell.ts";

const LIMIT = 100;
const LIMIT_MAX = 1_000;

/** Which part of the tree to list. */
export interface InspectOptions {
  /** Path of the actor whose children to list. Default the root, `/`. */
  readonly under?: string | undefined;
  /** How many children to skip, in start order. Default 0. */
  readonly offset?: number | undefined;
  /** How many to list. Default 100, at most 1 000. */
  readonly limit?: number | undefined;
}

/** The children of one actor, in start order; none when there is no such actor. */
export function inspectChildren(
  root: Cell,
  tick: number,
  { under = "/", offset = 0, limit = LIMIT }: InspectOptions,
): ActorSnapshot[] {
  const children = resolve(root, under)?.family?.children;
  if (children === undefined) return [];
  const until = offset + Math.min(limit, LIMIT_MAX);
  const snapshots: ActorSnapshot[] = [];
  let at = 0;
  for (const child of children.values()) {
    if (at >= until) break;
    if (at++ >= offset) snapshots.push(snapshot(child, tick));
  }
  return snapshots;
}

/** One actor as `inspect` shows it. */
export function snapshot(cell: Cell, tick: number): ActorSnapshot {
  return {
    path: cell.path,
    label: cell.type.label,
    incarnation: cell.incarnation,
    status: statusOf(cell),
    mailbox: { length: cell.size, max: cell.type.mailboxMax, oldestMs: cell.age(tick) },
    turns: cell.turns,
    turnMs: cell.turnMs,
    restarts: cell.restarts,
    children: cell.family?.children.size ?? 0,
  };
}

/** The living actor at a path. */
export function resolve(root: Cell, path: string): Cell | undefined {
  let cell: Cell | undefined = root;
  for (const part of path.split("/")) {
    if (part !== "") cell = cell?.family?.children.get(nameOf(part));
  }
  return cell;
}

function nameOf(part: string): string {
  const name = part.replace(/%2F/g, "/").replace(/%25/g, "%");
  return pathPart(name) === part ? name : part;
}

function statusOf(cell: Cell): ActorSnapshot["status"] {
  switch (cell.status) {
    case Status.embryo:
    case Status.running:
      return "running";
    case Status.restarting:
      return "restarting";
    case Status.draining:
      return "draining";
    case Status.stopping:
    case Status.ended:
      return "stopping";
  }
}
