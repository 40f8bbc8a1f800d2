import type { SessionView } from "../../../actors/session/messages.ts";
import { addressOf } from "../../../core/address.ts";
import type { Noted } from "../../../core/chronicle.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";
import { itemPrefix } from "../delivery/deliver.ts";
import { sessionsOf, targetOf } from "./find-devices.ts";
import { lastSeenOf } from "./last-seen.ts";
import {
  endWords,
  eventWords,
  outcomeWords,
  presenceWords,
  settledWords,
  waitingWords,
} from "./words.ts";

/** Waiting messages that are told one by one. */
const WAITING_MAX = 20;
/** Recipients of one push that are looked at. */
const FATES_MAX = 10_000;
const FATES_PAGE = 1_000;

/**
 * Says in words what happened to a device lately: its connections, refusals and messages.
 *
 * @throws RuntimeError `session.unknown`; `push.unknown` for a push that it never got.
 */
export async function whyDevice(id: string, push: string | undefined, api: Api) {
  const target = await targetOf(id, api);
  const { principal, session } = target;
  const [sessions, inbox, lastSeen] = await Promise.all([
    sessionsOf(target, api),
    api.inboxes.waiting(principal),
    lastSeenOf(principal, api),
  ]);
  const events = api.chronicle
    .read(principal)
    .filter((event) => session === undefined || !("session" in event) || event.session === session);
  const waiting = inbox.items.map((item) => ({
    ...{ offset: item.offset, id: item.id, topic: item.topic, state: "pending" },
    words: waitingWords(item, sessions),
  }));
  return {
    id: addressOf(principal),
    answer: presenceWords(sessions, events, lastSeen),
    events: timeline(events, sessions),
    inbox: `${settledWords(inbox)} ${waiting.length} wait.`,
    messages:
      push === undefined ? waiting.slice(0, WAITING_MAX) : await fatesOf(push, principal, api),
  };
}

/** What happened, in words: connections and refusals, and how the last messages ended. */
function timeline(events: readonly Noted[], sessions: readonly SessionView[]) {
  const ended = events.filter((event) => event.type === "ended");
  const messages = [...sessions, ...ended].flatMap(({ device, lately }) =>
    lately.map((settled) => ({
      at: settled.at,
      type: "message",
      words: endWords(settled, device),
    })),
  );
  const others = events.map((event) => {
    const { at, type } = event;
    return { at, type, words: eventWords(event) };
  });
  return [...others, ...messages].toSorted((a, b) => a.at - b.at);
}

/** What became of a push for one recipient. */
async function fatesOf(push: string, principal: string, api: Api) {
  const prefix = itemPrefix(push);
  const found = [];
  let after = "";
  for (let seen = 0; seen < FATES_MAX; seen += FATES_PAGE) {
    const page = await api.inboxes.fates(prefix, { after, limit: FATES_PAGE });
    found.push(...page.filter(({ id }) => keyOf(id, prefix) === principal));
    if (page.length < FATES_PAGE) break;
    after = page.at(-1)!.id;
  }
  if (found.length === 0) {
    const message = `nothing is known of a push ${push} to ${addressOf(principal)}`;
    throw new RuntimeError("push.unknown", message);
  }
  return found.map(({ id, offset, settled }) => ({
    ...{ offset, id, state: settled?.outcome ?? "pending" },
    words: outcomeWords(settled?.outcome, settled?.at),
  }));
}

function keyOf(id: string, prefix: string): string {
  const rest = id.slice(prefix.length);
  return rest.slice(rest.indexOf(":") + 1);
}
