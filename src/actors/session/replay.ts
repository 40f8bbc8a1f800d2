import type { Ref } from "../kernel/actor.ts";
import { letGo, release } from "./backlog.ts";
import type { ConnectionMessage, Push, PushMessage } from "./messages.ts";
import type { Ctx, Message, SessionDeps, SessionState } from "./state.ts";
import { catchUp, settle } from "./upstream.ts";

/**
 * Greets a new connection and begins to write what is retained.
 *
 * `recovered` answers one question: the device said where it was; is everything after that still
 * going to come, or confirmed by one of the user's devices? A device that said nothing gets
 * "no" without a gap. So does one that claims more than was ever sent, as after a lost store.
 */
export function welcome(state: SessionState, deps: SessionDeps, ctx: Ctx): void {
  const { claimed, head, forgotten } = state;
  const credible = claimed >= 0 && claimed <= head;
  const missed = credible && forgotten > claimed;
  ctx.send(state.connection!, {
    type: "welcome",
    session: state.id,
    recovered: credible && !missed,
    gap: missed ? { after: claimed, upTo: forgotten } : undefined,
    head,
  });
  state.claimed = Math.min(claimed, head);
  state.given = Math.max(state.given, state.claimed);
  state.cursor = 0;
  state.replayedBytes = 0;
  writeOn(state, deps, ctx);
}

/**
 * Writes what this connection has not had yet, in order, up to one chunk.
 *
 * What wants no confirmation leaves the backlog as it is written; the rest stays behind the
 * cursor. When more remains the connection is asked to say when it has room again.
 */
export function writeOn(state: SessionState, deps: SessionDeps, ctx: Ctx): void {
  state.paused = false;
  const { connection, backlog } = state;
  if (connection === undefined) return;
  if (backlog === undefined || state.cursor === backlog.length) return catchUp(state, deps, ctx);
  const { chunkPushes, chunkBytes } = deps.limits;
  const delivered: number[] = [];
  const expired: number[] = [];
  let pushes = 0;
  let bytes = 0;
  let kept = state.cursor;
  let at = kept;
  while (at < backlog.length && pushes < chunkPushes && bytes < chunkBytes) {
    const push = backlog[at++]!;
    const offset = push.offset!;
    if (push.expiresAt <= ctx.now) {
      letGo(state, push, expired);
      continue;
    }
    if (push.ack) backlog[kept++] = push;
    else letGo(state, push, delivered);
    // The device has handled it and will not confirm it: nothing is left to do.
    if (!push.ack && offset <= state.claimed) continue;
    write(state, push, deps, ctx);
    pushes++;
    bytes += push.payload.length;
  }
  state.replayedBytes += bytes;
  backlog.splice(kept, at - kept);
  state.cursor = kept;
  if (kept < backlog.length) {
    state.paused = true;
    ctx.send(connection, { type: "when-drained" });
  }
  release(state);
  if (delivered.length > 0) settle(state, ctx, delivered, "delivered");
  if (expired.length > 0) settle(state, ctx, expired, "expired");
  if (!state.paused) catchUp(state, deps, ctx);
}

/** Hands one push with an offset to the connection. */
export function write(state: SessionState, push: Push, { tally }: SessionDeps, ctx: Ctx): void {
  const offset = push.offset!;
  const redelivered = offset <= state.given;
  handOver(state.connection!, { type: "push", push, redelivered }, ctx);
  tally.written++;
  if (redelivered) tally.redelivered++;
  noteGiven(state, push);
}

/** One function for all, so that a push costs no closure. */
const REFUSED = (): Message => ({ type: "write-refused", isVolatile: false });
const VOLATILE_REFUSED = (): Message => ({ type: "write-refused", isVolatile: true });

/** Sends a push to a connection, and notices when there is nobody any more. */
export function handOver(to: Ref<ConnectionMessage>, message: PushMessage, ctx: Ctx): void {
  const isVolatile = message.push.offset === undefined;
  ctx.trySend<ConnectionMessage>(to, message, isVolatile ? VOLATILE_REFUSED : REFUSED);
}

/** What was written without being confirmed later is out of this session's hands. */
export function noteGiven(state: SessionState, push: Push): void {
  const offset = push.offset!;
  if (offset > state.given) state.given = offset;
  if (!push.ack && offset > state.forgotten) state.forgotten = offset;
}
