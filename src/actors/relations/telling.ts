import { backoffMs } from "../../core/backoff.ts";
import { RuntimeError } from "../../core/errors.ts";
import { STATUS_TOPIC, type Status, statusOf } from "../../core/relations.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { Appended, NewInboxItem } from "../../persistence/ports/inbox.ts";
import type { Announcement } from "../../persistence/ports/relations.ts";
import { CLERK, clerkKind, type InboxMessage } from "../inbox/messages.ts";
import { type UserMessage, userKind } from "../user/messages.ts";
import type { RelationsMessage } from "./messages.ts";
import type { AppendOutcome, ChangeRequest, Ctx, Desk, Message, RelationsState } from "./state.ts";

/** The ledger that status events count in. */
const STATUS_LEDGER = "status";

type Of<Type extends RelationsMessage["type"]> = Extract<RelationsMessage, { type: Type }>;

/** Puts announcements into the inboxes of those concerned; `request` is answered after that. */
export function tellAll(
  announcements: readonly Announcement[],
  request: ChangeRequest | undefined,
  desk: Desk,
  ctx: Ctx,
): void {
  const items = announcements.flatMap(({ n, status, audience }) =>
    audience.map((user) => itemFor(user, `${n}`, status, desk)),
  );
  append(items, desk, ctx, (outcome) => ({ type: "told", announcements, request, outcome }));
}

/** It is durable either way: what could not be told is found again in a while. */
export function told(
  state: RelationsState,
  { announcements, request, outcome }: Extract<Message, { type: "told" }>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  if (request !== undefined) ctx.reply(request, ok({ changed: true }));
  if (!outcome.ok) {
    tellLater(state, outcome.error, desk, ctx);
    return state;
  }
  desk.figures.told.add(outcome.value.filter(({ fresh }) => fresh).length);
  const numbers = announcements.map(({ n }) => n);
  const isRetelling = request === undefined;
  ctx.perform(
    () => desk.relations.announced(numbers),
    (forgotten) => ({
      type: "forward",
      // Those that could not be forgotten are told again, which nobody notices.
      reply: (later) => {
        if (!forgotten.ok) tellLater(state, forgotten.error, desk, later);
        else if (isRetelling) later.send(later.self, { type: "tell" });
      },
    }),
  );
  return state;
}

/** Looks for announcements that a crash or a failure has left, until there are none. */
export function tell(state: RelationsState, desk: Desk, ctx: Ctx): RelationsState {
  ctx.perform(
    () => desk.relations.announcements(desk.limits.announcementsMax),
    (outcome) => ({ type: "found", outcome }),
  );
  return state;
}

export function found(
  state: RelationsState,
  outcome: Result<readonly Announcement[]>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  if (!outcome.ok) tellLater(state, outcome.error, desk, ctx);
  else if (outcome.value.length > 0) tellAll(outcome.value, undefined, desk, ctx);
  else state.failures.tell = 0;
  return state;
}

function tellLater(state: RelationsState, error: RuntimeError, desk: Desk, ctx: Ctx): void {
  const { code, message } = error;
  desk.logger.warn("status events are not told yet", { code, message });
  const delayMs = backoffMs(desk.limits, state.failures.tell, ctx.random());
  ctx.setTimer("tell", delayMs, { type: "tell" });
  state.failures.tell += 1;
}

export function announce(state: RelationsState, request: Of<"announce">, desk: Desk, ctx: Ctx) {
  const { user, event, id = desk.newId("event") } = request;
  const status = statusOf({ event, user, at: ctx.now });
  append([itemFor(user, `${event}:${id}`, status, desk)], desk, ctx, (outcome) => ({
    type: "forward",
    reply: (later) => {
      const changed = outcome.ok && outcome.value.some(({ fresh }) => fresh);
      later.reply(request, outcome.ok ? ok({ changed }) : outcome);
    },
  }));
  return state;
}

/** Only who has sessions is kicked, and told: a kick that is repeated changes nothing. */
export function kick(state: RelationsState, request: Of<"kick">, desk: Desk, ctx: Ctx) {
  const user = ctx.find(userKind, request.user);
  if (user === undefined) {
    ctx.reply(request, ok({ changed: false }));
    return state;
  }
  ctx.ask<UserMessage, Result<readonly { readonly device: string }[]>>(
    user,
    (replyTo) => ({ type: "list-sessions", replyTo }),
    desk.limits.askMs,
    (outcome) => ({
      type: "sessions-listed",
      request,
      outcome: outcome.ok ? outcome.value : outcome,
    }),
  );
  return state;
}

/** Says why first; who cannot be told is kicked all the same. */
export function sessionsListed(
  state: RelationsState,
  { request, outcome }: Extract<Message, { type: "sessions-listed" }>,
  desk: Desk,
  ctx: Ctx,
): RelationsState {
  const { user, device, reason } = request;
  if (!outcome.ok && outcome.error.code !== "actor.stopped") {
    ctx.reply(request, outcome);
    return state;
  }
  // A user who has ended in the meantime has no session.
  const sessions = outcome.ok ? outcome.value : [];
  if (!sessions.some((it) => device === undefined || it.device === device)) {
    ctx.reply(request, ok({ changed: false }));
    return state;
  }
  const meant = device === undefined ? {} : { device };
  const status = statusOf({ event: "user.kicked", user, reason, at: ctx.now, ...meant });
  append([itemFor(user, desk.newId("kick"), status, desk)], desk, ctx, () => ({
    type: "forward",
    reply: (later) => {
      const here = later.find(userKind, user);
      if (here !== undefined) later.sendAnyway(here, { type: "kick", device, why: reason });
      later.reply(request, ok({ changed: here !== undefined }));
    },
  }));
  return state;
}

function itemFor(user: string, id: string, status: Status, { limits }: Desk): NewInboxItem {
  return {
    user,
    id: `status:${id}:${user}`,
    ledger: STATUS_LEDGER,
    topic: STATUS_TOPIC,
    payload: JSON.stringify(status),
    ack: true,
    expiresAt: status.at + limits.statusTtlMs,
  };
}

function append(
  items: readonly NewInboxItem[],
  { limits }: Desk,
  ctx: Ctx,
  toMessage: (outcome: AppendOutcome) => Message,
): void {
  const clerk = ctx.find(clerkKind, CLERK);
  if (clerk === undefined) {
    const error = new RuntimeError("actor.stopped", "the inbox clerk has ended");
    ctx.perform(
      () => Promise.resolve(),
      () => toMessage(fail(error)),
    );
    return;
  }
  ctx.ask<InboxMessage, Result<readonly Appended[]>>(
    clerk,
    (replyTo) => ({ type: "append", items, replyTo }),
    limits.askMs,
    (outcome) => toMessage(outcome.ok ? outcome.value : outcome),
  );
}
