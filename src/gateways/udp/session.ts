import type { ActorType, EndReason, SendAnyway } from "../../actors/kernel/actor.ts";
import type { ConnectionMessage } from "../../actors/session/messages.ts";
import type { Result } from "../../core/result.ts";
import { frameIn, join, pass, refuseBusy } from "./inward.ts";
import type { Datagram, Hello, Joined, PrivateMessage } from "./messages.ts";
import { udpKind } from "./messages.ts";
import {
  close,
  depart,
  flush,
  flushLater,
  sayFarewell,
  tick,
  write,
  writePublication,
  writePush,
} from "./outward.ts";
import { answer } from "./own-commands.ts";
import { DATAGRAM_MAX } from "./packet.ts";
import { FRAME_MAX } from "./payload.ts";
import type { Ctx, UdpDeps, UdpState } from "./session-state.ts";

/** Datagrams and pushes that may wait for a UDP session; what is over is lost and comes again. */
const MAILBOX_MAX = 2000;
/** Bytes that may go to an address that has not shown yet that it is one, per byte from there. */
const UNPROVEN_FACTOR = 3;

type Welcome = Extract<ConnectionMessage, { type: "welcome" }>;

/** What a UDP session does; make one per node. Its instances are named by their id. */
export function udpSessionType(deps: UdpDeps): ActorType<UdpState, PrivateMessage> {
  return {
    label: "udp",
    kind: udpKind,
    onStart: { type: "start" },
    onEnd: (state, reason, sendAnyway) => ended(state, { reason, sendAnyway }, deps),
    mailbox: { max: MAILBOX_MAX, overflow: "refuse" },
    restart: "temporary",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "datagram":
          return datagram(state, message, deps, ctx);
        case "flush":
          return flush(state, deps, ctx);
        case "tick":
          return tick(state, deps, ctx);
        case "start":
          state.self = ctx.self;
          return awaitWelcome(state, deps, ctx);
        case "hello-late":
          return awaitWelcome(state, deps, ctx);
        case "joined":
          return joined(state, message.hello, message.outcome, deps, ctx);
        case "attach-refused":
          return attachRefused(state, message, deps, ctx);
        case "session-refused":
          return sessionRefused(state, message.id, deps, ctx);
        case "registered":
        case "peer-found":
          return answer(state, message.id, message.outcome, deps, ctx);
        case "linger-over":
          return depart(state, "good-bye", deps, ctx);
        case "drain":
          close(state, { reason: "draining" }, deps, ctx, message.retryAfterMs);
          return state;
        default:
          return connectionMessage(state, message, deps, ctx);
      }
    },
  };
}

/** Ends who is not welcome in time, counted in beats as silence is. */
function awaitWelcome(state: UdpState, deps: UdpDeps, ctx: Ctx): UdpState {
  const leftMs = deps.beats.msUntil(state.welcomeBy);
  if (leftMs > 0) ctx.setTimer("hello", leftMs, { type: "hello-late" });
  else close(state, { reason: "hello-timeout" }, deps, ctx);
  return state;
}

/** What the session says to its connection. */
function connectionMessage(
  state: UdpState,
  message: ConnectionMessage,
  deps: UdpDeps,
  ctx: Ctx,
): UdpState {
  if (state.stage === "closed") return state;
  switch (message.type) {
    case "pong": {
      const { id, data } = message;
      write(
        state,
        data === undefined ? { type: "pong", id } : { type: "pong", id, data },
        deps,
        ctx,
      );
      return state;
    }
    case "push":
      writePush(state, message, deps, ctx);
      return state;
    case "publication":
      writePublication(state, message, deps, ctx);
      return state;
    case "frame": {
      const { frame } = message;
      const id = "id" in frame ? frame.id : undefined;
      if (id !== undefined) deps.replies.end(state.sessionId, id, frame);
      write(state, frame, deps, ctx);
      return state;
    }
    case "when-drained":
      state.tellsDrained = true;
      flushLater(state, ctx);
      return state;
    case "welcome":
      return welcome(state, message, deps, ctx);
    case "close":
      close(state, message, deps, ctx);
      return state;
  }
}

function datagram(state: UdpState, message: Datagram, deps: UdpDeps, ctx: Ctx): UdpState {
  const { counts } = deps;
  const frames: Uint8Array[] = [];
  let hasLeft = false;
  const verdict = state.channel.receive(message.bytes, ctx.monotonic, {
    frame: (bytes) => frames.push(bytes),
    closed: () => {
      hasLeft = true;
    },
  });
  if (verdict.type === "dropped") {
    counts.dropped[verdict.reason] += 1;
    return state;
  }
  state.goneAt = deps.beats.in(deps.options.limits.heartbeatMs);
  if (state.stage === "closed") {
    if (hasLeft) ctx.stop();
    else sayFarewell(state, deps, ctx);
    return state;
  }
  if (message.bytes.length > DATAGRAM_MAX) {
    close(state, { reason: "too-large" }, deps, ctx);
    return state;
  }
  if (verdict.type === "malformed") {
    close(state, { reason: "invalid-frame" }, deps, ctx);
    return state;
  }
  noteAddress(state, message, verdict, deps, ctx);
  for (const bytes of frames) frameIn(state, bytes, deps, ctx);
  if (hasLeft) return depart(state, "good-bye", deps, ctx);
  flushLater(state, ctx);
  return state;
}

/** A device is where its newest packet came from: networks change addresses as they like. */
function noteAddress(
  state: UdpState,
  { address, port, bytes }: Datagram,
  { isNewest, confirmed }: { readonly isNewest: boolean; readonly confirmed: number },
  deps: UdpDeps,
  ctx: Ctx,
): void {
  const isHere = address === state.address && port === state.port;
  if (isHere && state.unproven !== undefined) {
    state.unproven.credit += bytes.length * UNPROVEN_FACTOR;
    if (confirmed >= state.unproven.from) state.unproven = undefined;
  }
  if (isHere || !isNewest) return;
  deps.counts.moved += 1;
  state.address = address;
  state.port = port;
  state.unproven = { from: state.channel.nextNumber, credit: bytes.length * UNPROVEN_FACTOR };
  // Its answer shows that the device is there: what waits for that may be larger than the credit.
  state.channel.probe();
  notePeer(state, deps, ctx);
}

function notePeer({ id, holder, address, port, stage }: UdpState, { peers }: UdpDeps, ctx: Ctx) {
  if (holder.type !== "device" || stage !== "open") return;
  const { principal, device } = holder;
  peers.put(principal, id, { device, address, port, since: ctx.now });
}

function joined(
  state: UdpState,
  hello: Hello,
  outcome: Result<Joined>,
  deps: UdpDeps,
  ctx: Ctx,
): UdpState {
  if (state.stage !== "joining" || state.holder.type !== "device") return state;
  if (!outcome.ok) {
    close(state, { reason: "internal" }, deps, ctx);
    return state;
  }
  const { session, id, isResumed } = outcome.value;
  state.session = session;
  state.sessionId = id;
  const { grants, secretVersion } = state.holder;
  const shown = { grants, secretVersion };
  const from = { transport: "udp", address: state.address } as const;
  ctx.trySend(
    session,
    { type: "attach", connection: ctx.self, offset: hello.offset, ...shown, from },
    () => ({ type: "attach-refused", hello, isResumed }),
  );
  return state;
}

/** A session that has ended in the meantime is not continued; without room for a new one: busy. */
function attachRefused(
  state: UdpState,
  { hello, isResumed }: { readonly hello: Hello; readonly isResumed: boolean },
  deps: UdpDeps,
  ctx: Ctx,
): UdpState {
  state.session = undefined;
  if (isResumed) join(state, { ...hello, resume: undefined }, deps, ctx);
  else close(state, { reason: "busy" }, deps, ctx);
  return state;
}

/** The session has the device's inbox: the log-in is complete. */
function welcome(state: UdpState, message: Welcome, deps: UdpDeps, ctx: Ctx): UdpState {
  const { holder } = state;
  if (holder.type !== "device") return state;
  const { resumeTokens, limits } = deps.options;
  const { session, recovered, gap, head } = message;
  const owner = { user: holder.principal, device: holder.device };
  ctx.clearTimer("hello");
  state.stage = "open";
  write(
    state,
    {
      type: "welcome",
      session,
      resume: resumeTokens.mint(session, owner),
      heartbeatMs: limits.heartbeatMs,
      recovered,
      ...(gap === undefined ? {} : { gap }),
      head,
      limits: { frameBytes: FRAME_MAX, framesPerSecond: limits.framesPerSecond },
    },
    deps,
    ctx,
  );
  notePeer(state, deps, ctx);
  const held = state.held ?? [];
  state.held = undefined;
  for (const { frame, bytes } of held) pass(state, frame, bytes, deps, ctx);
  return state;
}

function sessionRefused(
  state: UdpState,
  id: number | undefined,
  deps: UdpDeps,
  ctx: Ctx,
): UdpState {
  if (state.stage === "closed") return state;
  const isThere = deps.options.findSession(state.sessionId) === state.session;
  if (isThere) refuseBusy(state, id, deps, ctx);
  // It has ended, and its own message about it is on its way or was lost with it.
  else close(state, { reason: "internal" }, deps, ctx);
  return state;
}

/** Does what a UDP session that did not end by itself could not do. */
function ended(
  state: UdpState,
  { reason, sendAnyway }: { readonly reason: EndReason; readonly sendAnyway: SendAnyway },
  { peers, socket }: UdpDeps,
): void {
  const { session, holder, self, address, port } = state;
  if (holder.type === "device") peers.remove(holder.principal, state.id);
  if (session === undefined || self === undefined) return;
  sendAnyway(session, { type: "detach", connection: self, final: false });
  if (reason === "crashed") return;
  socket.send({ bytes: state.channel.close(new Uint8Array(0)), address, port });
}
