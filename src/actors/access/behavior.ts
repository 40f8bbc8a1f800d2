import type { ActorType, Behavior } from "../kernel/actor.ts";
import { answer } from "../kernel/answer.ts";
import { checkStore, storeChecked } from "./checking.ts";
import { type AccessMessage, accessKind } from "./messages.ts";
import { listAudit, repeat, settle, write } from "./records.ts";
import {
  ACCESS_LIMITS,
  type AccessDeps,
  type AccessState,
  type Ctx,
  type Desk,
  type Message,
} from "./state.ts";
import {
  authenticate,
  createToken,
  ensureAdmin,
  listTokens,
  lookedUp,
  revoked,
  revokeToken,
} from "./tokens.ts";

const PURGE_EVERY_MS = 3_600_000;

/**
 * The desk through which everything about access goes: tokens, the record of changes, and the
 * requests that were made with an idempotency key. One per node.
 */
export function accessDesk(deps: AccessDeps): ActorType<AccessState, Message> {
  return {
    label: "access",
    kind: accessKind,
    behavior: accessBehavior({ ...deps, limits: { ...ACCESS_LIMITS, ...deps.limits } }),
    onStart: { type: "started" },
    restart: "permanent",
  };
}

function accessBehavior(desk: Desk): Behavior<AccessState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "started":
        ctx.setTimer("purge", PURGE_EVERY_MS, { type: "purge" });
        return state;
      case "purge":
        return purge(state, desk, ctx);
      case "authenticate":
        return authenticate(state, message, desk, ctx);
      case "looked-up":
        return lookedUp(state, message, desk, ctx);
      case "create-token":
        return createToken(state, message, desk, ctx);
      case "ensure-admin":
        return ensureAdmin(state, message, desk, ctx);
      case "list-tokens":
        return listTokens(state, message, desk, ctx);
      case "revoke-token":
        return revokeToken(state, message, desk, ctx);
      case "revoked":
        return revoked(state, message, ctx);
      case "append-audit":
        return appendAudit(state, message, desk, ctx);
      case "list-audit":
        return listAudit(state, message, desk, ctx);
      case "begin-request":
        return beginRequest(state, message, desk, ctx);
      case "finish-request":
        return finishRequest(state, message, desk, ctx);
      case "abandon-request":
        return abandonRequest(state, message, desk, ctx);
      case "written":
        return settle(state, message, desk, ctx);
      case "write-again":
        return repeat(state, message, ctx);
      case "check-store":
        return checkStore(state, message, desk, ctx);
      case "store-checked":
        return storeChecked(state, message, ctx);
      case "forward":
        message.reply(ctx);
        return state;
    }
  };
}

type Request<Type extends AccessMessage["type"]> = Extract<AccessMessage, { type: Type }>;

function appendAudit(
  state: AccessState,
  { entry, replyTo }: Request<"append-audit">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  // The time of the change, not of the attempt at which the store took it.
  const line = { ...entry, at: ctx.now };
  const label = `audit of ${entry.action} ${entry.target} by ${entry.by}: ${entry.outcome}`;
  return write(state, { label, run: () => desk.audit.append(line) }, replyTo, ctx);
}

function beginRequest(
  state: AccessState,
  request: Request<"begin-request">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const { key, fingerprint } = request;
  const claim = { key, fingerprint, owner: desk.owner, at: ctx.now };
  return answer(state, ctx, request, () => desk.requests.begin(claim));
}

function finishRequest(
  state: AccessState,
  { key, response, replyTo }: Request<"finish-request">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const run = () => desk.requests.finish(key, response);
  return write(state, { label: "answer of a request with a key", run }, replyTo, ctx);
}

function abandonRequest(
  state: AccessState,
  { key, replyTo }: Request<"abandon-request">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const run = () => desk.requests.abandon(key);
  return write(state, { label: "release of a request's key", run }, replyTo, ctx);
}

function purge(state: AccessState, desk: Desk, ctx: Ctx): AccessState {
  ctx.setTimer("purge", PURGE_EVERY_MS, { type: "purge" });
  const before = ctx.now - desk.limits.keyTtlMs;
  ctx.perform(
    () => desk.requests.purge(before),
    (outcome) => ({
      type: "forward",
      reply: () => {
        if (!outcome.ok) desk.logger.warn("old idempotency keys stay", { why: outcome.error.code });
      },
    }),
  );
  return state;
}
