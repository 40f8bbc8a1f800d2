import { RuntimeError } from "../../core/errors.ts";
import type { ActorType, EndReason, SpawnOptions } from "./actor.ts";
import { type Blueprint, Cell, type CellHost, Status } from "./cell.ts";
import { sendAnyway } from "./external.ts";
import { Signal, withdrawn } from "./mailbox.ts";
import { cancelAll } from "./pending.ts";
import type { Registry } from "./registry.ts";
import type { TimerWheel } from "./timer-wheel.ts";
import { clearTimers } from "./timers.ts";
import { tellWatchers, unwatchAll } from "./watch.ts";

const MAILBOX_MAX = 10_000;

/** What beginnings and ends need from the actor system. */
export interface LifecycleHost extends CellHost {
  readonly wheel: TimerWheel;
  readonly registry: Registry;
  nextIncarnation(): number;
  /** A child ended by its own wish; its supervisor may start it again. */
  endedItself(cell: Cell, how: "stopped" | "drained"): void;
  /** A callback of an actor that is ending threw. */
  callbackThrew(cell: Cell, error: unknown): void;
}

const blueprints = new WeakMap<object, Blueprint>();

/** The type with its defaults; the same object for the same type. */
export function blueprintOf(type: ActorType<unknown, unknown>): Blueprint {
  let blueprint = blueprints.get(type);
  if (blueprint === undefined) {
    const mailboxMax = type.mailbox?.max ?? MAILBOX_MAX;
    if (!(mailboxMax >= 1))
      throw new Error(`mailbox.max of ${type.label} is ${mailboxMax}, not 1+`);
    const overflow = type.mailbox?.overflow ?? "refuse";
    blueprint = { ...type, mailboxMax, overflow, passive: false };
    blueprints.set(type, blueprint);
  }
  return blueprint;
}

/**
 * Creates an actor below `parent`; it takes messages, and runs after `begin`.
 *
 * @throws RuntimeError `actor.exists` when its name or its kind and id are taken;
 * `actor.stopped` when the parent has ended.
 */
export function conceive(
  host: LifecycleHost,
  parent: Cell,
  blueprint: Blueprint,
  { name, state }: SpawnOptions<unknown>,
): Cell {
  if (typeof name !== "string" || name === "") throw new Error("an actor needs a name");
  if (!mayHaveChildren(parent)) {
    throw new RuntimeError("actor.stopped", `${parent.path} has ended and can have no ${name}`);
  }
  const group = parent.family?.group ?? parent.group.open(parent.name);
  parent.family ??= { children: new Map(), group, restartedAt: [], pauses: new Map() };
  parent.group = group;
  if (parent.family.children.has(name)) {
    throw new RuntimeError("actor.exists", `${parent.path} already has a child ${name}`);
  }
  const place = { name, parent, incarnation: host.nextIncarnation(), group };
  const cell = new Cell(host, blueprint, place, state);
  if (blueprint.kind !== undefined) host.registry.add(blueprint.kind.name, name, cell);
  parent.family.children.set(name, cell);
  return cell;
}

/** Whether an actor may still get children: not when it has ended or waits for those it has. */
export function mayHaveChildren(parent: Cell): boolean {
  if (parent.status === Status.draining) return parent.rare!.drainLeft > 0;
  return parent.status < Status.stopping;
}

/** An actor that has ended before it began: what is sent to it is a dead letter. */
export function stillborn(
  host: LifecycleHost,
  parent: Cell,
  blueprint: Blueprint,
  name: string,
): Cell {
  const place = { name, parent, incarnation: host.nextIncarnation(), group: parent.group };
  const cell = new Cell(host, blueprint, place, undefined);
  cell.status = Status.ended;
  return cell;
}

/** Makes an actor run that was conceived or waits for its restart. */
export function begin(cell: Cell): void {
  if (cell.status !== Status.embryo && cell.status !== Status.restarting) return;
  cell.status = Status.running;
  if (cell.type.onStart !== undefined) cell.signalFirst(new Start(cell));
  cell.wake();
}

/** Removes a conceived actor whose turn of birth failed, as if it had never been. */
export function undo(host: LifecycleHost, cell: Cell): void {
  if (cell.status !== Status.embryo) return;
  cell.status = Status.ended;
  cell.empty("no-actor");
  remove(host, cell);
}

/** Ends an actor now, its children before it; harmless when it has ended. */
export function end(host: LifecycleHost, cell: Cell, reason: EndReason): void {
  if (cell.status >= Status.stopping) return;
  cell.status = Status.stopping;
  endChildren(host, cell);
  endLife(host, cell, reason);
  cell.empty("stopped");
  cell.status = Status.ended;
  if (reason !== "stopped") cell.rarely().endReason = reason;
  // A stale ref may live long; what the actor knew need not.
  cell.state = undefined;
  cell.initial = undefined;
  cell.family?.group.close();
  remove(host, cell);
  tellWatchers(cell, reason);
  if (cell.parent !== undefined && isDrained(cell.parent)) finishDrain(host, cell.parent);
}

/** Ends the children, the youngest first. */
export function endChildren(host: LifecycleHost, cell: Cell): void {
  if (cell.family === undefined) return;
  for (const child of [...cell.family.children.values()].reverse()) end(host, child, "stopped");
}

/** What was begun comes to nothing; `onEnd` is told. */
export function endLife(host: LifecycleHost, cell: Cell, reason: EndReason): void {
  clearTimers(cell, host.wheel);
  cancelAll(cell);
  unwatchAll(cell);
  const { onEnd } = cell.type;
  if (onEnd === undefined) return;
  try {
    const result: unknown = onEnd(cell.state, reason, sendAnyway);
    // The compiler lets an asynchronous one pass; its rejection must have a handler.
    if (result instanceof Promise) result.catch((error) => host.callbackThrew(cell, error));
  } catch (error) {
    host.callbackThrew(cell, error);
  }
}

/** Ends an actor once what is in its mailbox is handled. */
export function drain(host: LifecycleHost, cell: Cell, bySelf: boolean): void {
  if (cell.status === Status.embryo || cell.status === Status.restarting) {
    // There is no instance that could handle anything.
    return end(host, cell, "stopped");
  }
  if (cell.status !== Status.running) return;
  const rare = cell.rarely();
  rare.drainLeft = cell.size;
  rare.bySelf = bySelf;
  cell.status = Status.draining;
  if (cell.size === 0) mailboxDrained(host, cell);
}

/** Its own messages are handled: those it sent to its children come next, then it ends. */
export function mailboxDrained(host: LifecycleHost, cell: Cell): void {
  const children = cell.family === undefined ? [] : [...cell.family.children.values()];
  for (const child of children.reverse()) drain(host, child, false);
  if (isDrained(cell)) finishDrain(host, cell);
}

function isDrained(cell: Cell): boolean {
  if (cell.status !== Status.draining || cell.rare!.drainLeft > 0) return false;
  return cell.family === undefined || cell.family.children.size === 0;
}

function finishDrain(host: LifecycleHost, cell: Cell): void {
  if (cell.rare!.bySelf) host.endedItself(cell, "drained");
  else end(host, cell, "drained");
}

function remove(host: LifecycleHost, cell: Cell): void {
  const family = cell.parent?.family;
  family?.children.delete(cell.name);
  family?.pauses.delete(cell);
  if (cell.type.kind !== undefined) host.registry.remove(cell.type.kind.name, cell.name);
}

/** The `onStart` message of one life. */
class Start extends Signal {
  readonly #cell: Cell;
  readonly #life: number;

  constructor(cell: Cell) {
    super();
    this.#cell = cell;
    this.#life = cell.restarts;
  }

  get about(): unknown {
    return this.#cell.type.onStart;
  }

  take(): unknown {
    return this.#cell.restarts === this.#life ? this.#cell.type.onStart : withdrawn;
  }
}
