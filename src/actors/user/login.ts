import { kindOf } from "../../core/address.ts";
import type { Ctx, LoginPolicy, OpenSession, UserState } from "./state.ts";

/**
 * Makes room for one more session as the policy says.
 *
 * Sessions without a connection go first, whatever the policy: their devices have left, or will
 * never know, and must not lock others out.
 *
 * @returns undefined when there is room, or in words why there is none.
 */
export function admit(
  state: UserState,
  policies: Readonly<Record<"phone" | "board", LoginPolicy>>,
  ctx: Ctx,
): string | undefined {
  const { policy, max, whenFull } = policies[kindOf(state.id)];
  if (policy === "many") return undefined;
  const room = policy === "newest" ? 1 : max;
  const atOnce = `at most ${room} at once`;
  const dead = state.sessions.filter(({ attached }) => !attached);
  dismiss(state, dead, room, `it had no connection when another logged in; ${atOnce}`, ctx);
  if (policy === "up-to" && whenFull === "refuse" && state.sessions.length >= room) {
    return `${state.sessions.length} are logged in; ${atOnce}`;
  }
  dismiss(state, state.sessions, room, `a newer log-in took its place; ${atOnce}`, ctx);
  return undefined;
}

/** Closes the first of these sessions until one more has room. */
function dismiss(
  state: UserState,
  candidates: readonly OpenSession[],
  room: number,
  message: string,
  ctx: Ctx,
): void {
  const leaving = candidates.slice(0, Math.max(0, state.sessions.length - room + 1));
  if (leaving.length === 0) return;
  for (const { ref } of leaving)
    ctx.sendAnyway(ref, { type: "close", reason: "replaced", message });
  state.sessions = state.sessions.filter((session) => !leaving.includes(session));
}
