import type { Ref } from "../../../actors/kernel/actor.ts";
import {
  type SessionMessage,
  type SessionView,
  sessionKind,
} from "../../../actors/session/messages.ts";
import { userKind } from "../../../actors/user/messages.ts";
import { addressOf, boardKey, kindOf, parseAddress } from "../../../core/address.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";

/** Who an id in a path is: a principal, or one session of it. */
export interface Target {
  /** The principal's key. */
  readonly principal: string;
  /** Undefined for all of its sessions. */
  readonly session: string | undefined;
}

/**
 * Reads `user:ada`, `board:b1`, `session:s_...` or the bare id of a session.
 *
 * @throws RuntimeError `session.unknown` when nothing is known of that session any more.
 */
export async function targetOf(id: string, api: Api): Promise<Target> {
  const address = parseAddress(id);
  if (address.ok && "id" in address.value) {
    const { type, id: name } = address.value;
    if (type === "user" && kindOf(name) === "phone") return { principal: name, session: undefined };
    if (type === "board") return { principal: boardKey(name), session: undefined };
    if (type === "session") return ofSession(name, api);
  }
  return ofSession(id, api);
}

async function ofSession(id: string, api: Api): Promise<Target> {
  const session = api.system.find(sessionKind, id);
  const view = session === undefined ? undefined : await inspect(session, api);
  const principal = view?.principal ?? api.chronicle.ownerOf(id);
  if (principal !== undefined) return { principal, session: id };
  const message = `nothing is known of a session ${id}; a user is user:<id>, a board board:<id>`;
  throw new RuntimeError("session.unknown", message);
}

/** The sessions of a principal, or the one that is meant, as far as they live. */
export async function sessionsOf(target: Target, api: Api): Promise<readonly SessionView[]> {
  const refs = await refsOf(target, api);
  const views = await Promise.all(refs.map((ref) => inspect(ref, api)));
  return views.filter((view) => view !== undefined);
}

export async function refsOf(
  { principal, session }: Target,
  api: Api,
): Promise<readonly Ref<SessionMessage>[]> {
  const user = api.system.find(userKind, principal);
  if (user === undefined) return [];
  const known = await api.ask(user, { type: "list-sessions" });
  return known
    .filter(({ id }) => session === undefined || session === id)
    .map(({ id }) => api.system.find(sessionKind, id))
    .filter((ref) => ref !== undefined);
}

/**
 * A page of the sessions that live, of one principal or of all, in the order of their start. For
 * all it looks at every session of the node once.
 *
 * @throws RuntimeError `store.cursor`.
 */
export async function listSessions(
  principal: string | undefined,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
  api: Api,
): Promise<{ readonly items: readonly SessionView[]; readonly next: string | undefined }> {
  const from = after === undefined ? -1 : Number(after);
  if (!Number.isSafeInteger(from)) {
    throw new RuntimeError("store.cursor", "it is not a cursor of this list");
  }
  const refs: Ref<SessionMessage>[] = [];
  const take = (ref: Ref<SessionMessage>): void => {
    if (ref.incarnation > from && refs.length <= limit) refs.push(ref);
  };
  if (principal === undefined) api.system.each(sessionKind, take);
  else {
    const own = await refsOf({ principal, session: undefined }, api);
    for (const ref of own.toSorted((a, b) => a.incarnation - b.incarnation)) take(ref);
  }
  const page = refs.slice(0, limit);
  const views = await Promise.all(page.map((ref) => inspect(ref, api)));
  return {
    items: views.filter((view) => view !== undefined),
    next: refs.length > limit ? String(page.at(-1)!.incarnation) : undefined,
  };
}

/** Undefined when it ends just now. */
async function inspect(session: Ref<SessionMessage>, api: Api): Promise<SessionView | undefined> {
  try {
    return await api.ask(session, { type: "inspect" });
  } catch (thrown) {
    if (thrown instanceof RuntimeError && thrown.code === "actor.stopped") return undefined;
    throw thrown;
  }
}

/** A session as answers have it. */
export function sessionJson(view: SessionView) {
  const { id, principal, device, connection, heardAt, subscriptions } = view;
  const { backlog, head, given, requests, questions } = view;
  const from = connection?.from;
  return {
    ...{ id, principal: addressOf(principal), device, isConnected: connection !== undefined },
    ...(from === undefined ? {} : { transport: from.transport, address: from.address }),
    ...(connection === undefined ? {} : { since: connection.since }),
    ...(heardAt === undefined ? {} : { heardAt }),
    ...{ backlog, head, given, requests, questions, subscriptions },
  };
}
