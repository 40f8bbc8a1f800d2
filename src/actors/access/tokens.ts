import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { ApiToken } from "../../persistence/ports/credentials.ts";
import { answer } from "../kernel/answer.ts";
import type { AccessMessage, Caller, PageOf, PageRequest, TokenView } from "./messages.ts";
import type { AccessState, Ctx, Desk, Message } from "./state.ts";

type Request<Type extends AccessMessage["type"]> = Extract<AccessMessage, { type: Type }>;

const BUSY_RETRY_MS = 1_000;

/** Says who is behind a hash: from memory, or once the store has been asked. */
export function authenticate(
  state: AccessState,
  request: Request<"authenticate">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const { hash, replyTo } = request;
  const cached = state.cache.get(hash);
  if (cached !== undefined && cached.until > ctx.monotonic) {
    ctx.reply(request, judge(cached.token, ctx.now));
    return state;
  }
  const waiting = state.lookups.get(hash);
  if (waiting === undefined) {
    if (state.lookups.size >= desk.limits.lookupsMax) {
      const options = { retryAfterMs: BUSY_RETRY_MS };
      const message = `${state.lookups.size} tokens are being looked up`;
      ctx.reply(request, fail(new RuntimeError("gateway.busy", message, options)));
      return state;
    }
    lookUp(hash, state, desk, ctx);
  }
  return { ...state, lookups: withEntry(state.lookups, hash, [...(waiting ?? []), replyTo]) };
}

export function lookedUp(
  state: AccessState,
  message: Extract<Message, { type: "looked-up" }>,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const { hash, outcome } = message;
  if (message.revocations !== state.revocations) {
    // A token was revoked meanwhile, and it may be this one.
    lookUp(hash, state, desk, ctx);
    return state;
  }
  const answer = outcome.ok ? judge(outcome.value, ctx.now) : outcome;
  for (const replyTo of state.lookups.get(hash) ?? []) ctx.send(replyTo, answer);
  const lookups = without(state.lookups, hash);
  if (!outcome.ok || outcome.value === undefined) return { ...state, lookups };
  return { ...state, lookups, cache: remember(state, outcome.value, desk, ctx) };
}

export function createToken(
  state: AccessState,
  request: Request<"create-token">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const token = newToken(request, desk, ctx);
  return answer(state, ctx, request, async () => {
    const made = (await desk.credentials.tokens()).find(({ id }) => id === token.id);
    if (made !== undefined) return { ...viewOf(made), isNew: false };
    await desk.credentials.addToken(token);
    return { ...viewOf(token), isNew: true };
  });
}

export function ensureAdmin(
  state: AccessState,
  request: Request<"ensure-admin">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const { now } = ctx;
  const name = "made at the first start";
  const token = newToken({ name, role: "admin", hash: request.hash, ttlMs: 0 }, desk, ctx);
  return answer(state, ctx, request, async () => {
    const tokens = await desk.credentials.tokens();
    if (tokens.some((it) => it.role === "admin" && judge(it, now).ok)) return false;
    await desk.credentials.addToken(token);
    return true;
  });
}

export function listTokens(
  state: AccessState,
  request: Request<"list-tokens">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  return answer(state, ctx, request, async () =>
    page(await desk.credentials.tokens(), request.request),
  );
}

export function revokeToken(
  state: AccessState,
  { id, replyTo }: Request<"revoke-token">,
  desk: Desk,
  ctx: Ctx,
): AccessState {
  const at = ctx.now;
  ctx.perform(
    async () => {
      const isThere = await desk.credentials.revokeToken(id, at);
      const token = (await desk.credentials.tokens()).find((it) => it.id === id);
      if (isThere && token !== undefined) return token;
      throw new RuntimeError("token.unknown", `there is no token ${id}`);
    },
    (outcome) => ({ type: "revoked", id, replyTo, outcome }),
  );
  return state;
}

/** Whatever the outcome: the store may have revoked it before the answer got lost. */
export function revoked(
  state: AccessState,
  message: Extract<Message, { type: "revoked" }>,
  ctx: Ctx,
): AccessState {
  const { id, outcome } = message;
  ctx.reply(message, outcome.ok ? ok(viewOf(outcome.value)) : outcome);
  const cache = new Map([...state.cache].filter(([, { token }]) => token.id !== id));
  return { ...state, cache, revocations: state.revocations + 1 };
}

/** Revoked and unknown look alike from outside. */
function judge(token: ApiToken | undefined, now: number): Result<Caller> {
  if (token === undefined || token.revokedAt !== 0) {
    return fail(new RuntimeError("auth.invalid", "the token is not known or has been revoked"));
  }
  if (token.expiresAt !== 0 && token.expiresAt <= now) {
    const at = new Date(token.expiresAt).toISOString();
    return fail(new RuntimeError("auth.expired", `the token expired at ${at}`));
  }
  return ok({ id: token.id, name: token.name, role: token.role });
}

function lookUp(hash: string, state: AccessState, desk: Desk, ctx: Ctx): void {
  const { revocations } = state;
  ctx.perform(
    () => desk.credentials.findToken(hash),
    (outcome) => ({ type: "looked-up", hash, revocations, outcome }),
  );
}

/** Over the limit the oldest goes; it costs a look-up when it is used again. */
function remember(
  state: AccessState,
  token: ApiToken,
  { limits }: Desk,
  ctx: Ctx,
): AccessState["cache"] {
  const cache = new Map(state.cache);
  cache.delete(token.hash);
  cache.set(token.hash, { token, until: ctx.monotonic + limits.cacheMs });
  for (const oldest of cache.keys()) {
    if (cache.size <= limits.cacheMax) break;
    cache.delete(oldest);
  }
  return cache;
}

function newToken(
  request: Pick<Request<"create-token">, "id" | "name" | "role" | "hash" | "ttlMs">,
  desk: Desk,
  ctx: Ctx,
): ApiToken {
  const { id = desk.newId("tok"), name, role, hash, ttlMs } = request;
  const expiresAt = ttlMs === 0 ? 0 : ctx.now + ttlMs;
  return { id, name, role, hash, createdAt: ctx.now, expiresAt, revokedAt: 0 };
}

/** The store gives all of them: they are few. */
function page(tokens: readonly ApiToken[], { after, limit }: PageRequest): PageOf<TokenView> {
  const sorted = [...tokens].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  const start = after === undefined ? 0 : sorted.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) {
    throw new RuntimeError("store.cursor", `there is no token ${after} to go on after`);
  }
  const items = sorted.slice(start, start + limit).map(viewOf);
  return { items, next: start + limit < sorted.length ? items.at(-1)?.id : undefined };
}

function viewOf({ hash: _, ...view }: ApiToken): TokenView {
  return view;
}

function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
