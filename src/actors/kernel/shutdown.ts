import type { Cell } from "./cell.ts";
import type { Kernel } from "./kernel.ts";
import { drain, end } from "./lifecycle.ts";
import { WheelEntry } from "./timer-wheel.ts";
import { link, OutsideWatcher } from "./watch.ts";

/** How many paths a report names. */
const PATHS_MAX = 100;

/** How a system stopped. */
export interface StopReport {
  /** Whether everything was handled before the deadline. */
  readonly drained: boolean;
  readonly tookMs: number;
  /** Messages that were still waiting and became dead letters. */
  readonly messagesLeft: number;
  /** Actors with messages waiting at the deadline, at most 100 of them. */
  readonly busyPaths: readonly string[];
}

/** Drains the top-level actors one after the other, the youngest first; then ends the rest. */
export async function stopSystem(kernel: Kernel, deadlineMs: number): Promise<StopReport> {
  const { root } = kernel;
  const startedAt = kernel.monotonic();
  const deadline = new Deadline();
  kernel.wheel.set(deadline, deadlineMs);
  for (const cell of topLevel(root).reverse()) {
    if (deadline.passed) break;
    drain(kernel, cell, false);
    await Promise.race([ended(cell), deadline.promise]);
  }
  const left = { drained: !deadline.passed, messagesLeft: 0, busyPaths: [] as string[] };
  for (const cell of topLevel(root)) collect(cell, left);
  end(kernel, root, "stopped");
  kernel.wheel.stop();
  kernel.scheduler.stop();
  return { ...left, tookMs: kernel.monotonic() - startedAt };
}

class Deadline extends WheelEntry {
  passed = false;
  readonly promise: Promise<void>;
  readonly #resolve: () => void;

  constructor() {
    super();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.promise = promise;
    this.#resolve = resolve;
  }

  fire(): void {
    this.passed = true;
    this.#resolve();
  }
}

function topLevel(root: Cell): Cell[] {
  return [...(root.family?.children.values() ?? [])];
}

function ended(cell: Cell): Promise<void> {
  return new Promise((resolve) => link(new OutsideWatcher(() => resolve()), cell));
}

/** What the deadline cuts off below `cell`. */
function collect(cell: Cell, left: { messagesLeft: number; busyPaths: string[] }): void {
  const messages = cell.size - cell.signals;
  left.messagesLeft += messages;
  if (messages > 0 && left.busyPaths.length < PATHS_MAX) left.busyPaths.push(cell.path);
  for (const child of cell.family?.children.values() ?? []) collect(child, left);
}
