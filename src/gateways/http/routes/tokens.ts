import { z } from "zod";
import { boardKey } from "../../../core/address.ts";
import { hashApiToken, newApiToken } from "../../../core/api-token.ts";
import { PHONE_SECRET_VERSION } from "../../../core/device-secret.ts";
import { RuntimeError } from "../../../core/errors.ts";
import { NAME_MAX } from "../../../core/names.ts";
import { GRANTS_MAX } from "../../auth/grants.ts";
import type { Api } from "../api.ts";
import type { Call, Route } from "../route.ts";
import { jsonRoute } from "../route.ts";
import { answer, byId, DAY_MS, instant, paged, pageOf, request, text } from "../schemas.ts";
import { boardId, person } from "./relation-schemas.ts";

const YEARS_10_MS = 3_650 * DAY_MS;

const role = z.enum(["admin", "operator", "viewer"]);

const patterns = z
  .array(text(NAME_MAX))
  .max(GRANTS_MAX)
  .optional()
  .meta({ examples: [["news.*"]] });

const ofDevices = {
  device: text(128).optional().describe("Only this device may log in with it."),
  ttlMs: z
    .int()
    .min(1000)
    .max(365 * DAY_MS)
    .describe("How long it is valid."),
  subscribe: patterns.describe("Topics that it may subscribe to; `*` is any text."),
  publish: patterns.describe("Topics that it may publish to."),
};

const newToken = request(
  "NewToken",
  z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("device"),
      user: person.meta({ examples: ["m-1"] }),
      ...ofDevices,
    }),
    z.strictObject({
      kind: z.literal("board"),
      board: boardId.meta({ examples: ["lamp-1"] }).describe("A board that is registered."),
      ...ofDevices,
    }),
    z.strictObject({
      kind: z.literal("api"),
      name: text(200)
        .meta({ examples: ["campaign desk"] })
        .describe("What it is for."),
      role,
      ttlMs: z.int().min(1000).max(YEARS_10_MS).optional().describe("Absent: for ever."),
    }),
  ]),
);

const token = answer(
  "Token",
  z.object({
    id: z.string(),
    name: z.string(),
    role,
    createdAt: instant,
    expiresAt: instant.describe("0: never."),
    revokedAt: instant.describe("0: it has not been."),
  }),
);

const tokenAnswer = answer(
  "NewTokenAnswer",
  z.object({
    kind: z.enum(["device", "board", "api"]),
    token: z
      .string()
      .nullable()
      .describe("Shown this once. Null when a request is repeated with its Idempotency-Key."),
    expiresAt: instant.describe("0: never."),
    udpSecret: z
      .string()
      .nullable()
      .optional()
      .describe("What the named device uses over UDP instead of a token. It does not expire."),
    id: z.string().optional().describe("Of an API token: to revoke it."),
    name: z.string().optional(),
    role: role.optional(),
  }),
);

type TokenAnswer = z.output<typeof tokenAnswer>;

export const tokenRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/tokens",
    tag: "Tokens",
    role: "operator",
    action: "token.create",
    summary: "Create a token for a device, a board or a caller of this API",
    details: "A device's or board's token needs the role operator, an API token the role admin.",
    body: newToken,
    status: 201,
    answer: tokenAnswer,
    // The store keeps no secrets, and the answers of repeated requests come from it.
    replay: ({ udpSecret, ...made }) => ({
      ...made,
      token: null,
      ...(udpSecret === undefined ? {} : { udpSecret: null }),
    }),
    handle: create,
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/tokens",
    tag: "Tokens",
    role: "admin",
    summary: "List API tokens, oldest first",
    query: paged,
    answer: pageOf("TokenPage", token),
    handle: ({ query, api }) => api.ask(api.actors.access, { type: "list-tokens", request: query }),
  }),
  jsonRoute({
    method: "DELETE",
    path: "/v1/tokens/{id}",
    tag: "Tokens",
    role: "admin",
    action: "token.revoke",
    summary: "Revoke an API token",
    details: "It is refused from the answer on. Repeating it changes nothing.",
    params: byId,
    answer: token,
    handle: ({ params, api }) =>
      api.ask(api.actors.access, { type: "revoke-token", id: params.id }),
  }),
];

async function create({
  body,
  caller,
  newId,
  api,
}: Call<unknown, unknown, z.output<typeof newToken>>): Promise<TokenAnswer> {
  if (body.kind !== "api") return createForDevice(body, api);
  if (caller.role !== "admin") {
    const message = `an API token is made with the role admin, and this one is ${caller.role}`;
    throw new RuntimeError("auth.forbidden", message);
  }
  const made = newApiToken();
  const { id, name, role, expiresAt, isNew } = await api.ask(api.actors.access, {
    type: "create-token",
    id: newId("tok"),
    name: body.name,
    role: body.role,
    hash: hashApiToken(made),
    ttlMs: body.ttlMs ?? 0,
  });
  return { kind: "api", token: isNew ? made : null, expiresAt, id, name, role };
}

/** For a device that is named also what it uses over UDP. */
async function createForDevice(
  body: Exclude<z.output<typeof newToken>, { kind: "api" }>,
  api: Api,
): Promise<TokenAnswer> {
  const { kind, device, ttlMs, subscribe = [], publish = [] } = body;
  const isBoard = kind === "board";
  const id = isBoard ? body.board : body.user;
  const secretVersion = isBoard
    ? (await api.ask(api.actors.relations, { type: "read-board", board: id })).secretVersion
    : undefined;
  const hasGrants = body.subscribe !== undefined || body.publish !== undefined;
  const expiresAt = api.clock.now() + ttlMs;
  const token = await api.mint({
    user: id,
    kind: isBoard ? "board" : "phone",
    secretVersion,
    ttlMs,
    ...(hasGrants ? { grants: { subscribe, publish } } : {}),
    ...(device === undefined ? {} : { device }),
  });
  if (device === undefined) return { kind, token, expiresAt };
  const principal = isBoard ? boardKey(id) : id;
  const version = secretVersion ?? PHONE_SECRET_VERSION;
  return { kind, token, expiresAt, udpSecret: api.deviceSecret({ principal, device, version }) };
}
