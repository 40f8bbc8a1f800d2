import type { CloseReason, ConnectionMessage, Push } from "../../actors/session/messages.ts";
import type { ErrorCode, RuntimeError } from "../../core/errors.ts";
import type { Encoded } from "../protocol/codec.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import { msgpackCodec } from "../protocol/msgpack.ts";
import { errorFrame, kickFrame } from "../protocol/session-frames.ts";
import { FRAME_MAX } from "./payload.ts";
import type { Ctx, UdpDeps, UdpState } from "./session-state.ts";

/** A device that has been told good-bye may ask for it again so long, in milliseconds. */
const LINGER_MS = 3000;
/** Good-byes that one device is told. */
const FAREWELLS_MAX = 10;
/**
 * To an address that has not shown that it is one: room for a probe, so that several of them may
 * get lost before the credit is used up.
 */
const UNPROVEN_BYTES = 64;
/** Offsets remembered because of pushes that are too large; beyond, a device comes again. */
const WITHHELD_MAX = 1000;

/** Has what waits sent once all that is in the mailbox now is handled. */
export function flushLater(state: UdpState, ctx: Ctx): void {
  if (state.isFlushing) return;
  state.isFlushing = true;
  ctx.trySend(ctx.self, { type: "flush" }, () => ({ type: "flush" }));
}

/** Sends what may go now, and sets the timer for what may go later. */
export function flush(state: UdpState, deps: UdpDeps, ctx: Ctx): UdpState {
  state.isFlushing = false;
  if (state.stage === "closed") return state;
  const { channel } = state;
  channel.flush(ctx.monotonic, (bytes) => emit(state, bytes, deps, ctx), roomFor(state));
  if (channel.hasFailed) return depart(state, "heartbeat-lost", deps, ctx);
  if (state.tellsDrained && channel.unsentBytes <= deps.options.limits.unsentBytesMax >> 2) {
    state.tellsDrained = false;
    if (state.session !== undefined) ctx.send(state.session, { type: "drained" });
  }
  setTimer(state, deps, ctx);
  return state;
}

/** How many bytes may go at once to where the device is, or seems to be. */
function roomFor({ unproven }: UdpState): number | undefined {
  return unproven && Math.min(unproven.credit, UNPROVEN_BYTES);
}

/** The timer has fired: somebody may be silent, or something late. */
export function tick(state: UdpState, deps: UdpDeps, ctx: Ctx): UdpState {
  state.timerAt = Number.POSITIVE_INFINITY;
  if (state.stage === "closed") return state;
  if (deps.beats.count >= state.goneAt) return depart(state, "heartbeat-lost", deps, ctx);
  return flush(state, deps, ctx);
}

/** An earlier timer is left as it is: it finds out that nothing is due, and is set again. */
function setTimer(state: UdpState, { beats }: UdpDeps, ctx: Ctx): void {
  // What is due and was not sent has no credit: it goes when more has come from the address.
  const nextAt = state.channel.dueAt;
  const sendAt = nextAt > ctx.monotonic ? nextAt : Number.POSITIVE_INFINITY;
  const dueAt = Math.min(sendAt, ctx.monotonic + beats.msUntil(state.goneAt));
  if (dueAt >= state.timerAt) return;
  state.timerAt = dueAt;
  ctx.setTimer("tick", Math.max(0, dueAt - ctx.monotonic), { type: "tick" });
}

function emit(state: UdpState, bytes: Uint8Array, { counts, socket }: UdpDeps, ctx: Ctx): void {
  const { unproven, address, port } = state;
  if (unproven !== undefined) {
    if (unproven.credit < bytes.length) {
      counts.dropped.credit += 1;
      return;
    }
    unproven.credit -= bytes.length;
  }
  ctx.send(socket, { bytes, address, port });
}

/** Queues one frame; it comes in order and once. */
export function write(state: UdpState, frame: ServerFrame, deps: UdpDeps, ctx: Ctx): void {
  const bytes = toBytes(msgpackCodec.encode(frame));
  if (bytes.length <= FRAME_MAX) return writeBytes(state, bytes, deps, ctx);
  const about = "id" in frame && typeof frame.id === "number" ? { id: frame.id } : {};
  tellTooLarge(state, `a frame "${frame.type}"`, bytes.length, about, deps, ctx);
}

function writeBytes(state: UdpState, bytes: Uint8Array, deps: UdpDeps, ctx: Ctx): void {
  state.channel.send(bytes);
  flushLater(state, ctx);
  const { unsentBytesMax } = deps.options.limits;
  if (state.channel.unsentBytes > unsentBytesMax) close(state, { reason: "slow" }, deps, ctx);
}

export function writeError(
  state: UdpState,
  error: RuntimeError,
  id: number | undefined,
  deps: UdpDeps,
  ctx: Ctx,
): void {
  write(state, errorFrame(error, id), deps, ctx);
}

/** A push with an offset in order and once; a volatile one as it comes, or not at all. */
export function writePush(
  state: UdpState,
  { push, redelivered }: Extract<ConnectionMessage, { type: "push" }>,
  deps: UdpDeps,
  ctx: Ctx,
): void {
  const bytes = encoded(() => msgpackCodec.encodePush(push, redelivered), push.id, deps);
  if (bytes === undefined) return;
  if (bytes.length > FRAME_MAX) return withhold(state, push, bytes.length, deps, ctx);
  if (push.offset === undefined) {
    state.channel.sendOnce(bytes);
    return flushLater(state, ctx);
  }
  const { withheld } = state;
  if (withheld !== undefined && push.offset > withheld.first) withheld.sent.push(push.offset);
  if (withheld !== undefined && withheld.sent.length > WITHHELD_MAX) {
    return close(state, { reason: "slow" }, deps, ctx);
  }
  writeBytes(state, bytes, deps, ctx);
}

/** What was published to a topic; it fits a datagram or is told of. */
export function writePublication(
  state: UdpState,
  { publication, lost }: Extract<ConnectionMessage, { type: "publication" }>,
  deps: UdpDeps,
  ctx: Ctx,
): void {
  const { topic, offset } = publication;
  const about = `${topic} ${offset}`;
  const bytes = encoded(() => msgpackCodec.encodePublication(publication, lost), about, deps);
  if (bytes === undefined) return;
  if (bytes.length <= FRAME_MAX) return writeBytes(state, bytes, deps, ctx);
  const what = `offset ${offset} of topic ${topic}`;
  tellTooLarge(state, what, bytes.length, {}, deps, ctx);
}

/** A push that is kept stays where it is; the device may fetch it by another transport. */
function withhold(state: UdpState, push: Push, length: number, deps: UdpDeps, ctx: Ctx): void {
  const { offset, id } = push;
  if (offset === undefined) return tellTooLarge(state, `push ${id}`, length, {}, deps, ctx);
  state.withheld ??= { first: offset, sent: [] };
  const what = `push ${id} at offset ${offset}`;
  tellTooLarge(state, what, length, { offset }, deps, ctx);
}

function tellTooLarge(
  state: UdpState,
  what: string,
  length: number,
  about: { readonly id?: number; readonly offset?: number },
  deps: UdpDeps,
  ctx: Ctx,
): void {
  deps.counts.tooLarge += 1;
  const code: ErrorCode = "udp.too-large";
  const message = `${what.slice(0, 200)} has ${length} bytes; a datagram carries ${FRAME_MAX}`;
  const bytes = toBytes(msgpackCodec.encode({ type: "error", code, message, ...about }));
  writeBytes(state, bytes, deps, ctx);
}

/** Tells the device why, and ends the channel; it may ask for the good-bye again for a while. */
export function close(
  state: UdpState,
  why: { readonly reason: CloseReason; readonly message?: string | undefined },
  deps: UdpDeps,
  ctx: Ctx,
  retryAfterMs?: number,
): void {
  if (state.stage === "closed") return;
  const { reason, message } = why;
  const told = message === undefined ? { reason } : { reason, message: message.slice(0, 200) };
  // What waits goes before it, once: nobody will be there to repeat it.
  state.channel.flush(ctx.monotonic, (bytes) => emit(state, bytes, deps, ctx));
  left(state, { final: false, why: reason }, deps, ctx);
  state.farewell = toBytes(msgpackCodec.encode(kickFrame(told, retryAfterMs)));
  deps.counts.closed(reason);
  sayFarewell(state, deps, ctx);
  ctx.setTimer("linger", LINGER_MS, { type: "linger-over" });
}

export function sayFarewell(state: UdpState, deps: UdpDeps, ctx: Ctx): void {
  if (state.farewell === undefined || state.farewells >= FAREWELLS_MAX) return;
  state.farewells += 1;
  emit(state, state.channel.close(state.farewell), deps, ctx);
}

/** The device is gone, or has said so: nobody is left to be told anything. */
export function depart(
  state: UdpState,
  reason: CloseReason | "good-bye",
  deps: UdpDeps,
  ctx: Ctx,
): UdpState {
  if (state.stage !== "closed") {
    left(state, { final: reason === "good-bye", why: reason }, deps, ctx);
    deps.counts.closed(reason);
  }
  ctx.stop();
  return state;
}

function left(
  state: UdpState,
  end: { readonly final: boolean; readonly why: CloseReason | "good-bye" },
  { options, peers }: UdpDeps,
  ctx: Ctx,
): void {
  const { session, holder } = state;
  if (session === undefined) noteRefused(state, end.why, options, ctx);
  state.stage = "closed";
  state.session = undefined;
  state.held = undefined;
  ctx.clearTimer("tick");
  if (holder.type === "device") peers.remove(holder.principal, state.id);
  if (session !== undefined) {
    ctx.sendAnyway(session, { type: "detach", connection: ctx.self, ...end });
  }
}

/** Ends of a channel without a session that say why its device was not logged in. */
const REFUSALS: Readonly<Partial<Record<CloseReason | "good-bye", ErrorCode>>> = {
  "hello-timeout": "protocol.order",
  "invalid-frame": "protocol.invalid",
  "too-fast": "protocol.too-fast",
  busy: "gateway.busy",
  draining: "node.draining",
  internal: "internal",
};

function noteRefused(
  { holder, address }: UdpState,
  why: CloseReason | "good-bye",
  { chronicle }: UdpDeps["options"],
  ctx: Ctx,
): void {
  const code = REFUSALS[why];
  if (code === undefined || holder.type !== "device") return;
  const { principal, device } = holder;
  const message = `its channel was closed before it had logged in: ${why}`;
  const from = { transport: "udp", address } as const;
  chronicle?.note(principal, { type: "refused", device, from, code, message }, ctx.now);
}

/** Undefined when the payload is not JSON: the others are fine, and the channel is, too. */
function encoded(
  encode: () => Encoded,
  about: string,
  { options, counts }: UdpDeps,
): Uint8Array | undefined {
  try {
    return toBytes(encode());
  } catch (error) {
    counts.dropped["not-encoded"] += 1;
    options.logger.error("a push cannot be encoded", { about, error: String(error) });
    return undefined;
  }
}

/** MessagePack is bytes always. */
function toBytes(encoded: Encoded): Uint8Array {
  return encoded as Uint8Array;
}
