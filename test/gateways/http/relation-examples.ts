import type { CallOptions } from "./node.ts";

/** A request to a route that works, and one that does not. */
export interface Example {
  readonly path?: string;
  readonly call?: CallOptions;
  readonly fails: {
    readonly path?: string;
    readonly call?: CallOptions;
    readonly status: number;
    readonly code: string;
  };
}

const NO_BOARD = { status: 404, code: "board.unknown" };
const INVALID = { status: 400, code: "http.invalid" };
const REFUSED = { status: 409, code: "relation.refused" };

const AWAY = { status: 404, code: "route.offline" };
const FORBIDDEN = { status: 403, code: "route.forbidden" };

/** They follow each other: a board of ann, a family of hal. */
export const RELATION_EXAMPLES: Readonly<Record<string, Example>> = {
  "PUT /v1/boards/{id}": {
    path: "/v1/boards/b-1",
    call: { json: { name: "Lamp", model: "lamp-2" } },
    fails: { ...INVALID, path: `/v1/boards/${"x".repeat(123)}`, call: { json: {} } },
  },
  "GET /v1/boards": { fails: { ...INVALID, path: "/v1/boards?owner=board:b-1" } },
  "GET /v1/boards/{id}": {
    path: "/v1/boards/b-1",
    fails: { ...NO_BOARD, path: "/v1/boards/b-9" },
  },
  "GET /v1/boards/{id}/subs": {
    path: "/v1/boards/b-1/subs",
    fails: { ...NO_BOARD, path: "/v1/boards/b-9/subs" },
  },
  "POST /v1/boards/{id}/bind": {
    path: "/v1/boards/b-1/bind",
    call: { json: { user: "ann" } },
    fails: { ...REFUSED, path: "/v1/boards/b-1/bind", call: { json: { user: "bob" } } },
  },
  "POST /v1/boards/{id}/unbind": {
    path: "/v1/boards/b-1/unbind",
    fails: { ...NO_BOARD, path: "/v1/boards/b-9/unbind" },
  },
  "GET /v1/boards/{id}/secret": {
    path: "/v1/boards/b-1/secret",
    fails: { ...NO_BOARD, path: "/v1/boards/b-9/secret" },
  },
  "GET /v1/boards/{id}/address": {
    path: "/v1/boards/b-1/address",
    fails: { ...AWAY, path: "/v1/boards/b-9/address" },
  },
  "POST /v1/boards/{id}/introduce": {
    path: "/v1/boards/b-1/introduce",
    call: { json: { user: "ann" } },
    fails: { ...FORBIDDEN, path: "/v1/boards/b-1/introduce", call: { json: { user: "bob" } } },
  },
  "GET /api/device/udpaddr": {
    path: "/api/device/udpaddr?deviceId=b-1",
    fails: { ...INVALID, path: "/api/device/udpaddr" },
  },
  "POST /v1/boards/{id}/rotate-secret": {
    path: "/v1/boards/b-1/rotate-secret",
    fails: { ...NO_BOARD, path: "/v1/boards/b-9/rotate-secret" },
  },
  "DELETE /v1/boards/{id}": {
    path: "/v1/boards/b-2",
    fails: { ...INVALID, path: "/v1/boards/%00" },
  },
  "POST /v1/families/{id}/invite": {
    path: "/v1/families/hal/invite",
    call: { json: { user: "ivy", role: "member" } },
    fails: {
      ...INVALID,
      path: "/v1/families/hal/invite",
      call: { json: { user: "ivy", role: "owner" } },
    },
  },
  "GET /v1/families/{id}": {
    path: "/v1/families/hal",
    fails: { status: 404, code: "family.unknown", path: "/v1/families/ivy" },
  },
  "POST /v1/families/{id}/join": {
    path: "/v1/families/hal/join",
    call: { json: { user: "ivy" } },
    fails: { ...REFUSED, path: "/v1/families/hal/join", call: { json: { user: "jan" } } },
  },
  "POST /v1/families/{id}/refuse": {
    path: "/v1/families/hal/refuse",
    call: { json: { user: "jan" } },
    fails: { ...REFUSED, path: "/v1/families/hal/refuse", call: { json: { user: "ivy" } } },
  },
  "POST /v1/families/{id}/role": {
    path: "/v1/families/hal/role",
    call: { json: { user: "ivy", role: "guest" } },
    fails: {
      ...REFUSED,
      path: "/v1/families/hal/role",
      call: { json: { user: "jan", role: "guest" } },
    },
  },
  "POST /v1/families/{id}/quit": {
    path: "/v1/families/hal/quit",
    call: { json: { user: "jan" } },
    fails: { ...REFUSED, path: "/v1/families/hal/quit", call: { json: { user: "hal" } } },
  },
  "POST /v1/families/{id}/remove": {
    path: "/v1/families/hal/remove",
    call: { json: { user: "jan" } },
    fails: { ...REFUSED, path: "/v1/families/hal/remove", call: { json: { user: "hal" } } },
  },
  "POST /v1/families/{id}/dismiss": {
    path: "/v1/families/hal/dismiss",
    fails: { ...INVALID, path: "/v1/families/board:b-1/dismiss" },
  },
  "GET /v1/users/{id}/relations": {
    path: "/v1/users/ivy/relations",
    fails: { ...INVALID, path: "/v1/users/board:b-1/relations" },
  },
  "POST /v1/users/{id}/announce": {
    path: "/v1/users/ivy/announce",
    call: { json: { event: "user.phone-bound" } },
    fails: {
      ...INVALID,
      path: "/v1/users/ivy/announce",
      call: { json: { event: "user.kicked" } },
    },
  },
  "POST /v1/users/{id}/kick": {
    path: "/v1/users/ivy/kick",
    call: { json: { reason: "the password was changed" } },
    fails: { ...INVALID, path: "/v1/users/ivy/kick", call: { json: {} } },
  },
};
