import type { ActorType, EndReason, SendAnyway } from "../kernel/actor.ts";
import { withExtra } from "./admission.ts";
import { close, detach, drop, end, greet, join } from "./attaching.ts";
import { confirm, dropExpired, isFull, retain } from "./backlog.ts";
import { commanded } from "./commands.ts";
import { exchange } from "./exchange.ts";
import { heard, look } from "./inspecting.ts";
import { looked } from "./looking.ts";
import { type DeviceFrame, type InboxView, type PushMessage, sessionKind } from "./messages.ts";
import { recoverOn } from "./recovering.ts";
import { handOver, noteGiven, writeOn } from "./replay.ts";
import { request, serve } from "./requests.ts";
import type { Ctx, Message, SessionDeps, SessionLimits, SessionState } from "./state.ts";
import { fromTopic, leaveForbidden } from "./subscriptions.ts";
import { hold, told } from "./telling.ts";
import { traceMessage } from "./tracing.ts";
import { catchUp, introduce, introduceLater, settle } from "./upstream.ts";

/** Messages that may wait for one session; pushes beyond it are fetched from the store later. */
const MAILBOX = { max: 2_000, overflow: "refuse" } as const;

/** What a session that has ended still does as ever: its sender waits to hear of it. */
const AFTER_END: ReadonlySet<Message["type"]> = new Set(["parcel", "addressed", "push", "inspect"]);

/** What a session does; make one per node. Its instances are named by the session's id. */
export function sessionType(deps: SessionDeps): ActorType<SessionState, Message> {
  return {
    ...{ label: "session", kind: sessionKind, mailbox: MAILBOX, restart: "temporary" },
    onStart: { type: "start" },
    onEnd: (state, reason, send) => ended(state, reason, deps, send),
    behavior(state, message, ctx) {
      if (state.hasEnded && !AFTER_END.has(message.type)) return tooLate(state, message, ctx);
      if (state.trace !== undefined) traceMessage(state, message, ctx);
      switch (message.type) {
        case "ping":
          return ping(state, message, ctx);
        case "push":
          return push(state, message, deps, ctx);
        case "ack":
          return ack(state, message, deps, ctx);
        case "drained":
          return drained(state, deps, ctx);
        case "start":
          return start(state, deps, ctx);
        case "introduce":
        case "reopen":
          return introduceAgain(state, message.type, ctx);
        case "opened":
          return opened(state, message.inbox, deps, ctx);
        case "attach":
        case "admitted":
          return join(state, message, deps, ctx);
        case "detach":
          return detach(state, message, deps, ctx);
        case "request":
          return request(state, message.request, deps, ctx);
        case "commanded":
        case "copied":
        case "looked":
          return waitedFor(state, message, deps, ctx);
        case "parcel":
        case "outcome":
        case "answered":
        case "addressed":
        case "unsent":
        case "unpassed":
        case "sweep":
          return exchange(state, message, deps, ctx);
        case "untold":
          return untold(state, message.frame, ctx);
        case "publication":
        case "presence":
        case "moved":
        case "topic-ended":
        case "subscribed":
        case "subscribe-again":
          return fromTopic(state, message, ctx);
        case "tell":
        case "tell-error":
          return told(state, message, ctx);
        case "grants":
          return granted(state, withExtra(state, message.grants), ctx);
        case "inspect":
        case "trace":
          return look(state, message, ctx);
        case "close":
          return close(state, message, deps, ctx);
        case "grace-over":
          return end(state, ctx);
        case "write-refused":
          return writeRefused(state, message.isVolatile, deps, ctx);
      }
    },
  };
}

/** It introduces itself with its first connection: until then nobody has to know of it. */
function start(state: SessionState, { limits, chronicle }: SessionDeps, ctx: Ctx): SessionState {
  state.chronicle = chronicle;
  ctx.setTimer("grace", limits.graceMs, { type: "grace-over" });
  return state;
}

/** Now, or a moment after a user that is about to end has said so. */
function introduceAgain(state: SessionState, when: "introduce" | "reopen", ctx: Ctx): SessionState {
  if (when === "introduce") introduce(state, ctx);
  else introduceLater(state, ctx);
  return state;
}

/**
 * A request was waiting for somebody: the back end has answered a command, or has a copy of a
 * message that may go its way now; its user has looked who is online.
 */
function waitedFor(
  state: SessionState,
  message: Extract<Message, { type: "commanded" | "copied" | "looked" }>,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  if (message.type === "commanded") return commanded(state, message, ctx);
  if (message.type === "looked") return looked(state, message, ctx);
  return serve(state, message.request, deps, ctx);
}

function granted(state: SessionState, grants: SessionState["grants"], ctx: Ctx): SessionState {
  state.grants = grants;
  leaveForbidden(state, ctx);
  return state;
}

function ping(
  state: SessionState,
  { id, data }: { readonly id: number; readonly data?: unknown },
  ctx: Ctx,
): SessionState {
  heard(state, ctx);
  if (state.connection !== undefined) ctx.send(state.connection, { type: "pong", id, data });
  return state;
}

function push(state: SessionState, message: PushMessage, deps: SessionDeps, ctx: Ctx) {
  const { offset } = message.push;
  if (offset === undefined) return volatilePush(state, message, deps, ctx);
  if (!state.opened || offset <= state.taken) return state;
  if (offset > state.head) state.head = offset;
  const full = isFull(state, deps.limits);
  const expired = full ? dropExpired(state, ctx.now) : [];
  if (expired.length > 0) settle(state, ctx, expired, "expired");
  // A hole means that pushes were refused: like those without room, they are in the store.
  if (full || offset !== state.taken + 1) catchUp(state, deps, ctx);
  else take(state, message, deps, ctx);
  return state;
}

/** Takes the next push: writes it at once when nothing else has to be written before it. */
function take(state: SessionState, message: PushMessage, deps: SessionDeps, ctx: Ctx): void {
  const { push } = message;
  const offset = push.offset!;
  state.taken = offset;
  const { connection, backlog } = state;
  if (connection === undefined || state.cursor < (backlog?.length ?? 0)) {
    return retain(state, push);
  }
  if (push.expiresAt <= ctx.now) return settle(state, ctx, [offset], "expired");
  handOver(connection, message, ctx);
  deps.tally.written++;
  noteGiven(state, push);
  if (!push.ack) return settle(state, ctx, [offset], "delivered");
  retain(state, push);
  state.cursor++;
}

/** The measured path of a broadcast: the message goes on as it came, nothing is allocated. */
function volatilePush(
  state: SessionState,
  message: PushMessage,
  { tally }: SessionDeps,
  ctx: Ctx,
): SessionState {
  if (state.connection === undefined || !state.opened) tally.settle("shed");
  else if (message.push.expiresAt <= ctx.now) tally.settle("expired");
  else {
    handOver(state.connection, message, ctx);
    tally.written++;
    tally.settle("delivered");
  }
  return state;
}

function ack(
  state: SessionState,
  { offsets, upTo }: { readonly offsets: readonly number[]; readonly upTo: number },
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  heard(state, ctx);
  const confirmed = confirm(state, upTo, offsets);
  if (confirmed === undefined) return state;
  settle(state, ctx, confirmed, "acked");
  catchUp(state, deps, ctx);
  return state;
}

/**
 * Finds out whether it is this connection that is gone: a `detach` may have been refused, too,
 * and another connection may have come in the meantime. One that is there answers `drained`.
 */
function writeRefused(state: SessionState, isVolatile: boolean, { tally }: SessionDeps, ctx: Ctx) {
  if (isVolatile) tally.refuse();
  return probe(state, ctx);
}

/** The same of a frame; an answer waits for the next connection. */
function untold(state: SessionState, frame: DeviceFrame, ctx: Ctx): SessionState {
  hold(state, frame);
  return probe(state, ctx);
}

function probe(state: SessionState, ctx: Ctx): SessionState {
  const { connection } = state;
  if (connection === undefined) return state;
  const gone = { type: "detach", connection, final: false } as const;
  ctx.trySend(connection, { type: "when-drained" }, () => gone);
  return state;
}

function drained(state: SessionState, deps: SessionDeps, ctx: Ctx): SessionState {
  state.replayedBytes = 0;
  if (state.paused) writeOn(state, deps, ctx);
  recoverOn(state, ctx);
  return state;
}

/** Takes from the inbox what it does not have, as far as there is room. */
function opened(state: SessionState, inbox: InboxView, deps: SessionDeps, ctx: Ctx) {
  const first = !state.opened;
  state.opened = true;
  state.asked = false;
  if (first) state.given = Math.min(inbox.newFrom - 1, inbox.head);
  const missed = inbox.forgotten > state.taken;
  if (missed) state.forgotten = inbox.forgotten;
  takeAll(state, inbox, deps.limits);
  if (state.connection === undefined) return state;
  if (first) greet(state, deps, ctx);
  // Only a welcome can tell of a gap, so the device has to come again.
  else if (missed) drop(state, { type: "close", reason: "slow" }, deps, ctx);
  else if (!state.paused) writeOn(state, deps, ctx);
  return state;
}

function takeAll(state: SessionState, { head, items }: InboxView, limits: SessionLimits): void {
  if (head > state.head) state.head = head;
  for (const item of items) {
    if (item.offset! <= state.taken) continue;
    if (isFull(state, limits)) return;
    retain(state, item);
    state.taken = item.offset!;
  }
  if (head > state.taken) state.taken = head;
}

/** It came after the end: a device that wants to go on has to begin anew. */
function tooLate(state: SessionState, message: Message, ctx: Ctx): SessionState {
  if (message.type === "attach")
    ctx.sendAnyway(message.connection, { type: "close", reason: "busy" });
  return state;
}

/** Tells its user, and whoever else has to know, however it has ended. */
function ended(
  state: SessionState,
  reason: EndReason,
  { tally }: SessionDeps,
  send: SendAnyway,
): void {
  const { id: sessionId, owner, joining, connection } = state;
  if (owner !== undefined) send(owner, { type: "close-session", sessionId });
  const unsaid = state.routing?.sent?.size ?? 0;
  tally.routes.pending -= unsaid;
  tally.routes.lost += unsaid;
  for (const { ref } of state.subscriptions?.values() ?? []) {
    send(ref, { type: "unsubscribe", sessionId });
  }
  if (joining !== undefined) send(joining.connection, { type: "close", reason: "busy" });
  if (connection === undefined) return;
  tally.attached--;
  send(connection, { type: "close", reason: reason === "crashed" ? "internal" : "draining" });
}
