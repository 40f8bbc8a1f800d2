import type { Ref } from "./actor.ts";
import { Cell } from "./cell.ts";

/**
 * Sends at once, past the limit of a mailbox: what must not get lost, and is bounded by something
 * else, as by the connections whose end it tells. Actors have `ctx.sendAnyway`.
 */
export function sendAnyway<T>(to: Ref<T>, message: T): void {
  if (to instanceof Cell) to.sendAnyway(message);
  else to.send(message);
}
