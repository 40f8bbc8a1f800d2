import { z } from "zod";
import type { RelationChange } from "../../../actors/relations/messages.ts";
import { boardKey } from "../../../core/address.ts";
import { BOARD_DEVICE } from "../../../core/device-secret.ts";
import type { Api } from "../api.ts";
import { jsonRoute, type Route } from "../route.ts";
import { page, pageOf, text } from "../schemas.ts";
import {
  board,
  boardChange,
  boardJson,
  boardSecret,
  boardView,
  byBoard,
  changeAnswer,
  newBoard,
  ofUser,
  person,
  usersOf,
} from "./relation-schemas.ts";

/** Makes a change that the audit has by the request itself. */
export function change(api: Api, wanted: RelationChange) {
  return api.ask(api.actors.relations, { type: "change", change: wanted, by: undefined });
}

async function shown(api: Api, id: string) {
  return boardJson(await api.ask(api.actors.relations, { type: "read-board", board: id }));
}

const listed = z.strictObject({ ...page, owner: person.optional().describe("Only this user's.") });

const ofDevice = z.strictObject({
  device: text(128).default(BOARD_DEVICE).describe("What the board calls its device."),
});

const readRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/boards",
    tag: "Relations",
    role: "viewer",
    summary: "List boards, newest first",
    query: listed,
    answer: pageOf("BoardPage", board),
    handle: async ({ query, api }) => {
      const { items, next } = await api.ask(api.actors.relations, {
        type: "list-boards",
        request: query,
      });
      return { items: items.map(boardJson), next };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/boards/{id}",
    tag: "Relations",
    role: "viewer",
    summary: "Show a board and who reaches it",
    params: byBoard,
    answer: boardView,
    handle: async ({ params: { id }, api }) => {
      const principal = boardKey(id);
      const [fields, relations] = await Promise.all([
        shown(api, id),
        api.ask(api.actors.relations, { type: "read-relations", principal }),
      ]);
      const { lastSeen, reach } = relations;
      return { ...fields, users: usersOf(relations), family: reach.family, lastSeen };
    },
  }),
];

const secretRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/boards/{id}/secret",
    tag: "Relations",
    role: "admin",
    action: "board.secret",
    summary: "Show the secret that a board uses over UDP",
    details: "It is derived, not stored, and stays the same until it is rotated.",
    params: byBoard,
    query: ofDevice,
    answer: boardSecret,
    handle: async ({ params: { id }, query: { device }, api }) => {
      const { secretVersion: version } = await shown(api, id);
      const secret = api.deviceSecret({ principal: boardKey(id), device, version });
      return { id, device, version, secret };
    },
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/boards/{id}/rotate-secret",
    tag: "Relations",
    role: "admin",
    action: "board.rotate-secret",
    summary: "Make a board's secret invalid and its next one valid",
    details:
      "The board's connections end, and tokens made for it before are good no longer. Every call " +
      "makes another secret, unless it has the Idempotency-Key of an earlier one.",
    params: byBoard,
    answer: boardChange,
    handle: async ({ params: { id }, api }) => {
      const { changed } = await change(api, { type: "rotate-secret", board: id });
      return { ...(await shown(api, id)), changed };
    },
  }),
];

/** Things that are registered, whose they are, and their secrets. */
export const boardRoutes: readonly Route[] = [
  jsonRoute({
    method: "PUT",
    path: "/v1/boards/{id}",
    tag: "Relations",
    role: "operator",
    action: "board.register",
    summary: "Register a board, or change what is known of it",
    params: byBoard,
    body: newBoard,
    answer: boardChange,
    handle: async ({ params: { id }, body, api }) => {
      const { changed } = await change(api, { type: "register", board: { ...body, id } });
      return { ...(await shown(api, id)), changed };
    },
  }),
  ...readRoutes,
  jsonRoute({
    method: "DELETE",
    path: "/v1/boards/{id}",
    tag: "Relations",
    role: "operator",
    action: "board.forget",
    summary: "Forget a board; it is unbound first",
    details: "Its connections end; its secret and its tokens are good no longer.",
    params: byBoard,
    answer: changeAnswer,
    handle: ({ params, api }) => change(api, { type: "forget", board: params.id }),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/boards/{id}/bind",
    tag: "Relations",
    role: "operator",
    action: "board.bind",
    summary: "Bind a board to its owner",
    details:
      "Owner and board reach each other from the answer on, without connecting again, and so do " +
      "the owner's family. One that is bound to somebody else must be unbound first.",
    params: byBoard,
    body: ofUser,
    answer: changeAnswer,
    handle: ({ params, body, api }) =>
      change(api, { type: "bind", board: params.id, user: body.user }),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/boards/{id}/unbind",
    tag: "Relations",
    role: "operator",
    action: "board.unbind",
    summary: "Take a board away from its owner",
    details: "Nobody reaches it from the answer on.",
    params: byBoard,
    answer: changeAnswer,
    handle: ({ params, api }) => change(api, { type: "unbind", board: params.id }),
  }),
  ...secretRoutes,
];
