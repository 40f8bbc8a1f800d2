import type { Cell, Pending } from "./cell.ts";

/** Has `pending` given up when the life of `cell` ends. */
export function begin(cell: Cell, pending: Pending): void {
  pending.owner = cell;
  pending.next = cell.pending;
  if (cell.pending !== undefined) cell.pending.previous = pending;
  cell.pending = pending;
}

/** It came to an end; harmless when it was given up before. */
export function finish(pending: Pending): void {
  const { owner, previous, next } = pending;
  if (owner === undefined) return;
  if (next !== undefined) next.previous = previous;
  if (previous !== undefined) previous.next = next;
  else owner.pending = next;
  pending.owner = undefined;
  pending.previous = undefined;
  pending.next = undefined;
}

/** For a life that ends. */
export function cancelAll(cell: Cell): void {
  for (let pending = cell.pending; pending !== undefined; pending = cell.pending) {
    finish(pending);
    pending.cancel();
  }
}
