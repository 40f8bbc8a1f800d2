import type { SessionMessage } from "../../actors/session/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import { ok, type Result } from "../../core/result.ts";
import { readClientFrame } from "../protocol/client-frame.ts";
import { COUNT, type Fields, invalid, isCount, isFields, isText } from "../protocol/fields.ts";
import { idOf, type SessionFrame } from "../protocol/frames.ts";
import { WIRE_LIMITS } from "../protocol/limits.ts";
import { readMsgpackValue } from "../protocol/msgpack.ts";
import { errorFrame, toSessionMessage } from "../protocol/session-frames.ts";
import { payFrame, waitMs } from "../websocket/frame-rate.ts";
import type { Hello, Holder } from "./messages.ts";
import { close, write, writeError } from "./outward.ts";
import { findPeer, register } from "./own-commands.ts";
import type { Ctx, UdpDeps, UdpState } from "./session-state.ts";

/** Frames that may come between the hello and the welcome. */
const HELD_MAX = 16;
/** Malformed frames without an id in a row after which a device is not worth an answer. */
const MALFORMED_MAX = 5;
/** Requests that are done once; what the others ask for is asked of each connection anew. */
const CHANGES: ReadonlySet<string> = new Set(["send", "publish", "upload", "command"]);
/** How long a device is asked to wait whose session has no room, in milliseconds. */
const BUSY_RETRY_MS = 1000;

/** Handles one frame of the device. */
export function frameIn(state: UdpState, bytes: Uint8Array, deps: UdpDeps, ctx: Ctx): void {
  if (state.stage === "closed") return;
  deps.counts.framesIn += 1;
  if (!isPaid(state, deps, ctx)) return;
  const read = readMap(bytes);
  if (!read.ok) return malformed(state, read.error, undefined, deps, ctx);
  const { value } = read;
  if (state.holder.type === "provisioning") return register(state, value, deps, ctx);
  if (state.stage === "hello") return hello(state, value, deps, ctx);
  if (value["type"] === "hello" || value["type"] === "refresh") {
    const message = `${value["type"]} has no place here: the channel's key is the credential`;
    const id = isCount(value["id"]) ? value["id"] : undefined;
    return writeError(state, new RuntimeError("protocol.order", message), id, deps, ctx);
  }
  if (isPeerQuestion(value)) return findPeer(state, value, deps, ctx);
  const decoded = readClientFrame(value);
  if (!decoded.ok) return malformed(state, decoded.error, decoded.id, deps, ctx);
  // The two others are refused above.
  const frame = decoded.value as SessionFrame;
  state.malformed = 0;
  if (state.stage === "open") return pass(state, frame, bytes, deps, ctx);
  state.held ??= [];
  if (state.held.length < HELD_MAX) state.held.push({ frame, bytes });
  else refuseBusy(state, idOf(frame), deps, ctx);
}

/** Passes on a frame unless it is a request that was passed on before. */
export function pass(
  state: UdpState,
  frame: SessionFrame,
  bytes: Uint8Array,
  deps: UdpDeps,
  ctx: Ctx,
): void {
  const { session } = state;
  if (session === undefined) return;
  const id = idOf(frame);
  if (id !== undefined && CHANGES.has(frame.type)) {
    const asked = { id, bytes, channel: state.id, waitsMs: waitsMsOf(frame) };
    const known = deps.replies.begin(state.sessionId, asked, ctx.monotonic);
    if (known.type === "pending") return;
    if (known.type === "answered") return write(state, known.answer, deps, ctx);
  }
  const message = toSessionMessage(frame);
  const held = message.type === "ack" ? exceptWithheld(state, message) : message;
  ctx.trySend(session, held, () => ({ type: "session-refused", id }));
}

function waitsMsOf(frame: SessionFrame): number {
  return frame.type === "send" ? (frame.answerWithinMs ?? 0) : 0;
}

/** The frame was understood, and there is no room for it. */
export function refuseBusy(state: UdpState, id: number | undefined, deps: UdpDeps, ctx: Ctx): void {
  const message = "the session has more waiting than it can take";
  const error = new RuntimeError("mailbox.full", message, { retryAfterMs: BUSY_RETRY_MS });
  if (id !== undefined) deps.replies.end(state.sessionId, id, errorFrame(error, id));
  writeError(state, error, id, deps, ctx);
}

export function malformed(
  state: UdpState,
  error: RuntimeError,
  id: number | undefined,
  deps: UdpDeps,
  ctx: Ctx,
): void {
  // A request that has an id gets its answer: one with a wrong field is not nonsense.
  if (id === undefined) state.malformed += 1;
  writeError(state, error, id, deps, ctx);
  if (state.malformed >= MALFORMED_MAX || state.stage === "hello") {
    close(state, { reason: "invalid-frame" }, deps, ctx);
  }
}

function hello(state: UdpState, fields: Fields, deps: UdpDeps, ctx: Ctx): void {
  const { holder } = state;
  if (fields["type"] !== "hello") {
    const error = new RuntimeError("protocol.order", "the first frame must be hello");
    return malformed(state, error, undefined, deps, ctx);
  }
  const read = readHello(fields, holder);
  if (!read.ok) return malformed(state, read.error, undefined, deps, ctx);
  state.stage = "joining";
  join(state, read.value, deps, ctx);
}

function readHello({ device, resume, offset }: Fields, holder: Holder): Result<Hello> {
  if (holder.type === "device" && device !== undefined && device !== holder.device) {
    return invalid("device", "the one of the channel's key, or not be there", device);
  }
  const { resumeMax } = WIRE_LIMITS;
  if (resume !== undefined && !isText(resume, resumeMax)) {
    return invalid("resume", `a string of 1 to ${resumeMax} characters`, resume);
  }
  if (offset !== undefined && !isCount(offset)) return invalid("offset", COUNT, offset);
  return ok({ resume, offset: offset ?? -1 });
}

/** Finds the session to continue, or begins one. */
export function join(state: UdpState, hello: Hello, deps: UdpDeps, ctx: Ctx): void {
  const { holder } = state;
  if (holder.type !== "device") return;
  const { findSession, newId, openSession, resumeTokens } = deps.options;
  const owner = { user: holder.principal, device: holder.device };
  ctx.perform(
    async () => {
      const resumed = hello.resume && resumeTokens.read(hello.resume, owner);
      const known = resumed ? findSession(resumed) : undefined;
      if (known !== undefined) return { id: resumed!, session: known, isResumed: true };
      const id = newId("s");
      return { id, session: openSession({ id, ...owner }), isResumed: false };
    },
    (outcome) => ({ type: "joined", hello, outcome }),
  );
}

/** A device cannot confirm with others what it was not sent. */
function exceptWithheld(
  { withheld }: UdpState,
  ack: Extract<SessionMessage, { type: "ack" }>,
): SessionMessage {
  if (withheld === undefined || ack.upTo < withheld.first) return ack;
  const { upTo } = ack;
  const sent = withheld.sent.filter((offset) => offset <= upTo);
  withheld.sent = withheld.sent.filter((offset) => offset > upTo);
  return { type: "ack", upTo: withheld.first - 1, offsets: [...ack.offsets, ...sent] };
}

function isPaid(state: UdpState, deps: UdpDeps, ctx: Ctx): boolean {
  const { framesPerSecond: perSecond, framesBurst: burst } = deps.options.limits;
  const rate = { perSecond, burst };
  const verdict = payFrame(state, rate, ctx.monotonic);
  if (verdict === "taken") return true;
  const retryAfterMs = waitMs(state, rate);
  if (verdict === "hopeless") close(state, { reason: "too-fast" }, deps, ctx, retryAfterMs);
  else {
    const message = `more than ${perSecond} frames per second; this one was not read`;
    const error = new RuntimeError("protocol.too-fast", message, { retryAfterMs });
    writeError(state, error, undefined, deps, ctx);
  }
  return false;
}

function isPeerQuestion({ type, command }: Fields): boolean {
  return type === "command" && isFields(command) && command["do"] === "peer";
}

function readMap(bytes: Uint8Array): Result<Fields> {
  const read = readMsgpackValue(new Uint8Array(bytes).buffer);
  if (!read.ok) return read;
  const { value } = read;
  return isFields(value) ? ok(value) : invalid("", "a map with a type", value);
}
