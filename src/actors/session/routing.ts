import { addressOf } from "../../core/address.ts";
import type { RuntimeError } from "../../core/errors.ts";
import type { RouteError } from "./messages.ts";
import type { Ctx, Routing, SessionState } from "./state.ts";

/** What the session knows of messages between devices; made with the first. */
export function routingOf(state: SessionState): Routing {
  state.routing ??= {
    session: `session:${state.id}`,
    from: addressOf(state.user),
    number: 0,
    sent: undefined,
    asked: undefined,
    held: undefined,
    commands: 0,
    looks: 0,
    sweepAt: Number.POSITIVE_INFINITY,
  };
  return state.routing;
}

/** Has everything looked at when this deadline has come, or an earlier one. */
export function sweepBy(routing: Routing, until: number, ctx: Ctx): void {
  if (until >= routing.sweepAt) return;
  routing.sweepAt = until;
  ctx.setTimer("sweep", Math.max(0, until - ctx.monotonic), { type: "sweep" });
}

/** Takes out what is due by now; returns when the next is due, Infinity when nothing is left. */
export function takeDue<Entry extends { readonly until: number }>(
  entries: Map<number, Entry> | undefined,
  now: number,
  due: (entry: Entry) => void,
): number {
  let next = Number.POSITIVE_INFINITY;
  for (const [number, entry] of entries ?? []) {
    if (entry.until > now) {
      next = Math.min(next, entry.until);
      continue;
    }
    entries!.delete(number);
    due(entry);
  }
  return next;
}

/** What a device is told of a message that nobody got. */
export function routeError(
  code: RouteError | "route.timeout",
): Pick<RuntimeError, "code" | "message" | "retryAfterMs"> {
  const retryAfterMs = RETRY_MS[code];
  return { code, message: MESSAGES[code], retryAfterMs };
}

/** The one of two reasons that says more of what to do; the hopeless ones say least. */
export function graver(one: RouteError | undefined, other: RouteError | undefined) {
  if (one === undefined) return other;
  if (other === undefined) return one;
  return BY_HOPE.indexOf(one) <= BY_HOPE.indexOf(other) ? one : other;
}

const BY_HOPE: readonly RouteError[] = [
  "mailbox.full",
  "route.too-many",
  "store.unavailable",
  "route.offline",
  "route.forbidden",
];

const MESSAGES: Readonly<Record<RouteError | "route.timeout", string>> = {
  "mailbox.full": "whoever it goes to has more waiting than they can take",
  "route.too-many": "too many messages wait for their answer already",
  "store.unavailable": "what it needs of the store cannot be had now",
  "route.offline": "nobody it goes to is connected",
  "route.forbidden": "there is nobody at this address whom you may reach",
  "route.timeout": "nobody answered in time",
};

const RETRY_MS: Readonly<Partial<Record<RouteError | "route.timeout", number>>> = {
  "mailbox.full": 1000,
  "route.too-many": 1000,
  "store.unavailable": 1000,
};
