import type { ActorType } from "../kernel/actor.ts";
import { change, changed, refreshed, refreshStale, staleRead } from "./changing.ts";
import { relationsKind } from "./messages.ts";
import {
  flushSeen,
  lastSeen,
  listBoards,
  reach,
  reachesRead,
  readBoard,
  readFamily,
  readRelations,
  seen,
  storeSeen,
} from "./reading.ts";
import { secretRead, secretVersion } from "./secrets.ts";
import {
  type Ctx,
  type Desk,
  type Message,
  newRelations,
  RELATIONS_LIMITS,
  type RelationsDeps,
  type RelationsState,
  relationsFigures,
} from "./state.ts";
import { announce, found, kick, sessionsListed, tell, told } from "./telling.ts";

/** Everybody who logs in asks here; the queues behind it have their own limits. */
const MAILBOX_MAX = 200_000;

/**
 * The relations desk: the one that changes who may reach whom.
 *
 * The store keeps what is to be announced in the transaction of the change, and it is put into
 * inboxes by numbers that are never used twice. So a crash at any moment neither loses an
 * announcement nor repeats it.
 */
export function relationsDesk(deps: RelationsDeps): ActorType<RelationsState, Message> {
  const limits = { ...RELATIONS_LIMITS, ...deps.limits };
  const desk: Desk = { ...deps, limits, figures: relationsFigures(deps.metrics) };
  return {
    label: "relations",
    kind: relationsKind,
    onStart: { type: "start" },
    mailbox: { max: MAILBOX_MAX, overflow: "refuse" },
    restart: "permanent",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "start":
          return start(desk, ctx);
        case "change":
          return change(state, message, desk, ctx);
        case "changed":
          return changed(state, message, desk, ctx);
        case "refreshed":
          return refreshed(state, message, desk, ctx);
        case "refresh-stale":
          return refreshStale(state, desk, ctx);
        case "stale-read":
          return staleRead(state, message, desk, ctx);
        case "announce":
          return announce(state, message, desk, ctx);
        case "kick":
          return kick(state, message, desk, ctx);
        case "sessions-listed":
          return sessionsListed(state, message, desk, ctx);
        case "tell":
          return tell(state, desk, ctx);
        case "found":
          return found(state, message.outcome, desk, ctx);
        case "told":
          return told(state, message, desk, ctx);
        case "reach":
          return reach(state, message, desk, ctx);
        case "reaches-read":
          return reachesRead(state, message, desk, ctx);
        case "seen":
          return seen(state, message, desk);
        case "store-seen":
          return storeSeen(state, desk, ctx);
        case "last-seen":
          return lastSeen(state, message, desk, ctx);
        case "flush-seen":
          return flushSeen(state, message, desk, ctx);
        case "read-board":
          return readBoard(state, message, desk, ctx);
        case "secret-version":
          return secretVersion(state, message, desk, ctx);
        case "secret-read":
          return secretRead(state, message, desk, ctx);
        case "list-boards":
          return listBoards(state, message, desk, ctx);
        case "read-family":
          return readFamily(state, message, desk, ctx);
        case "read-relations":
          return readRelations(state, message, desk, ctx);
        case "forward":
          message.reply(ctx);
          return state;
      }
    },
  };
}

/** What a crash has left unannounced is told first. */
function start(desk: Desk, ctx: Ctx): RelationsState {
  ctx.setTimer("seen", desk.limits.seenEveryMs, { type: "store-seen" });
  return tell(newRelations(), desk, ctx);
}
