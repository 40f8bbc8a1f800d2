import type { ActorType } from "../../src/actors/kernel/actor.ts";
import type { ActorSystem } from "../../src/actors/kernel/system.ts";
import {
  RELATIONS,
  type RelationsMessage,
  relationsKind,
} from "../../src/actors/relations/messages.ts";
import { userKind } from "../../src/actors/user/messages.ts";
import { NO_REACH, type Reach, type Role } from "../../src/core/relations.ts";
import { ok } from "../../src/core/result.ts";

export type ReachDesk = ReturnType<typeof reachDesk>;

/**
 * A relations desk whose views a test sets; what it was told of who was seen is kept, and said
 * again unless it `isMute`.
 */
export function reachDesk(system: ActorSystem) {
  const views = new Map<string, Reach>();
  const seen: string[] = [];
  const lastSeen = new Map<string, number>();
  const state = { isMute: false, questions: 0 };
  const type: ActorType<null, RelationsMessage> = {
    label: "relations",
    kind: relationsKind,
    behavior(none, message, ctx) {
      if (message.type === "reach") {
        ctx.reply(message, ok(views.get(message.principal) ?? NO_REACH));
      } else if (message.type === "seen") {
        seen.push(message.principal);
        lastSeen.set(message.principal, message.at);
      } else if (message.type === "last-seen" && !state.isMute) {
        state.questions += 1;
        ctx.reply(message, ok(message.principals.map((principal) => lastSeen.get(principal))));
      }
      return none;
    },
  };
  system.spawn(type, { name: RELATIONS, state: null });
  let version = 0;
  const view = (principal: string, roles: Record<string, Role>, family?: string): void => {
    version += 1;
    const reach = { version, roles: new Map(Object.entries(roles)), family };
    views.set(principal, reach);
    system.find(userKind, principal)?.send({ type: "reach", reach });
  };
  return {
    seen,
    state,
    view,
    /** A user owns a board: both see it. */
    bind(user: string, board: string, role: Role = "owner") {
      const roles = (of: string) => Object.fromEntries(views.get(of)?.roles ?? []);
      view(user, { ...roles(user), [`board:${board}`]: role }, views.get(user)?.family);
      view(`board:${board}`, { ...roles(`board:${board}`), [user]: role });
    },
    /** Users of one family, of whom the first is the host, and its boards. */
    family(host: string, members: Record<string, Role>, boards: readonly string[] = []) {
      const users: Record<string, Role> = { [host]: "owner", ...members };
      for (const [user, role] of Object.entries(users)) {
        const others = Object.entries(users).filter(([other]) => other !== user);
        const things = boards.map((board) => [`board:${board}`, role] as const);
        view(user, Object.fromEntries([...others, ...things]), host);
      }
      for (const board of boards) view(`board:${board}`, users, host);
    },
  };
}
