import { sendAnyway } from "../../../actors/kernel/external.ts";
import { userKind } from "../../../actors/user/messages.ts";
import { addressOf, boardKey, boardOf } from "../../../core/address.ts";
import type { Api } from "../api.ts";
import { deliver } from "../delivery/deliver.ts";
import {
  listSessions,
  refsOf,
  sessionJson,
  sessionsOf,
  type Target,
  targetOf,
} from "../devices/find-devices.ts";
import { lastSeenOf } from "../devices/last-seen.ts";
import { startTrace, streamTrace } from "../devices/trace-events.ts";
import { whyDevice } from "../devices/why-device.ts";
import { eventRoute, jsonRoute, type Route } from "../route.ts";
import {
  byDevice,
  deviceQuery,
  deviceSend,
  deviceView,
  kicked,
  kickRequest,
  sessionPage,
  traceAnswer,
  traceEnd,
  traceLine,
  traceRequest,
  whyAnswer,
  whyQuery,
} from "./device-schemas.ts";
import { delivery } from "./message-schemas.ts";

const readRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/devices",
    tag: "Devices",
    role: "viewer",
    summary: "List the sessions that live on this node, the oldest first",
    query: deviceQuery,
    answer: sessionPage,
    handle: async ({ query: { user, board, ...page }, api }) => {
      const principal = board === undefined ? user : boardKey(board);
      const [{ items, next }, lastSeen] = await Promise.all([
        listSessions(principal, page, api),
        principal === undefined ? undefined : lastSeenOf(principal, api),
      ]);
      return { items: items.map(sessionJson), next, lastSeen };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/devices/{id}",
    tag: "Devices",
    role: "viewer",
    summary: "Show a user, a board or a session: connections, subscriptions, what waits",
    params: byDevice,
    answer: deviceView,
    handle: async ({ params, api }) => {
      const target = await targetOf(params.id, api);
      const { principal } = target;
      const [sessions, lastSeen, inbox] = await Promise.all([
        sessionsOf(target, api),
        lastSeenOf(principal, api),
        api.inboxes.waiting(principal),
      ]);
      const { head, forgotten, items } = inbox;
      return {
        id: addressOf(principal),
        isConnected: sessions.some(({ connection }) => connection !== undefined),
        ...(lastSeen === undefined ? {} : { lastSeen }),
        sessions: sessions.map(sessionJson),
        inbox: { head, forgotten, waiting: items.length },
      };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/devices/{id}/why",
    tag: "Devices",
    role: "viewer",
    summary: "Say what happened to the last connections and messages, and why",
    details:
      "Connections and refusals of the last 5000 users and boards are remembered, 24 of each, " +
      "and how the last five messages of each session ended, in memory.",
    params: byDevice,
    query: whyQuery,
    answer: whyAnswer,
    handle: ({ params, query, api }) => whyDevice(params.id, query.push, api),
  }),
];

const traceRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/devices/{id}/trace",
    tag: "Devices",
    role: "operator",
    action: "device.trace",
    summary: "Follow everything that its sessions do for some minutes",
    details: "Up to 16 users and boards at once; others do not notice. Payloads are left out.",
    params: byDevice,
    body: traceRequest,
    answer: traceAnswer,
    handle: async ({ params, body, api }) => {
      const { until } = await startTrace(await targetOf(params.id, api), body.minutes, api);
      return { id: params.id, until };
    },
  }),
  eventRoute({
    method: "GET",
    path: "/v1/devices/{id}/trace",
    tag: "Devices",
    role: "operator",
    summary: "Read its trace: the last 1000 lines and what comes, until it ends",
    params: byDevice,
    events: { line: traceLine, end: traceEnd },
    open: async ({ params, api }) => streamTrace(await targetOf(params.id, api), api),
  }),
];

/** What people do to the sessions of devices, and ask of them. */
export const deviceRoutes: readonly Route[] = [
  ...readRoutes,
  jsonRoute({
    method: "POST",
    path: "/v1/devices/{id}/kick",
    tag: "Devices",
    role: "operator",
    action: "device.kick",
    summary: "End its sessions, and tell it why",
    details: "It must not come back by itself. Its credential stays valid until it expires.",
    params: byDevice,
    body: kickRequest,
    answer: kicked,
    handle: async ({ params, body, api }) => ({
      sessions: await kick(await targetOf(params.id, api), body.why, api),
    }),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/devices/{id}/send",
    tag: "Devices",
    role: "operator",
    action: "device.send",
    summary: "Send it one message, by default only if it is connected now",
    params: byDevice,
    body: deviceSend,
    answer: delivery,
    handle: async ({ params, body, newId, api }) => {
      const { principal, session } = await targetOf(params.id, api);
      const to = session === undefined ? addressOf(principal) : `session:${session}`;
      const message = { ...body, to: [to], ack: true, priority: "normal" } as const;
      const [sent] = await deliver([message], { push: newId("push"), api });
      return sent!;
    },
  }),
  ...traceRoutes,
];

/** Users are told by a status event, too: it reaches devices that are away. */
async function kick(target: Target, why: string, api: Api): Promise<number> {
  const { principal, session } = target;
  const refs = await refsOf(target, api);
  if (session !== undefined) {
    for (const ref of refs) sendAnyway(ref, { type: "close", reason: "kicked", message: why });
  } else if (boardOf(principal) === undefined) {
    const { relations } = api.actors;
    const told = { user: principal, device: undefined, reason: why };
    await api.ask(relations, { type: "kick", ...told });
  } else {
    const board = api.system.find(userKind, principal);
    if (board !== undefined) sendAnyway(board, { type: "kick", device: undefined, why });
  }
  return refs.length;
}
