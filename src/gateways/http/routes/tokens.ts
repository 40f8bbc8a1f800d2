import { z } from "zod";
import { hashApiToken, newApiToken } from "../../../core/api-token.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Call, Route } from "../route.ts";
import { jsonRoute } from "../route.ts";
import { answer, byId, DAY_MS, instant, paged, pageOf, request, text, userId } from "../schemas.ts";

const YEARS_10_MS = 3_650 * DAY_MS;

const role = z.enum(["admin", "operator", "viewer"]);

const newToken = request(
  "NewToken",
  z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("device"),
      user: userId.meta({ examples: ["m-1"] }),
      device: text(128).optional().describe("Only this device of the user may log in with it."),
      ttlMs: z
        .int()
        .min(1000)
        .max(365 * DAY_MS)
        .describe("How long it is valid."),
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
    kind: z.enum(["device", "api"]),
    token: z
      .string()
      .nullable()
      .describe("Shown this once. Null when a request is repeated with its Idempotency-Key."),
    expiresAt: instant.describe("0: never."),
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
    summary: "Create a token for a device or for a caller of this API",
    details: "A device's token needs the role operator, an API token the role admin.",
    body: newToken,
    status: 201,
    answer: tokenAnswer,
    // The store keeps no secrets, and the answers of repeated requests come from it.
    replay: (made) => ({ ...made, token: null }),
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
  api,
}: Call<unknown, unknown, z.output<typeof newToken>>): Promise<TokenAnswer> {
  if (body.kind === "device") {
    const { user, device, ttlMs } = body;
    const expiresAt = api.clock.now() + ttlMs;
    const made = await api.mint({ user, ttlMs, ...(device === undefined ? {} : { device }) });
    return { kind: "device", token: made, expiresAt };
  }
  if (caller.role !== "admin") {
    const message = `an API token is made with the role admin, and this one is ${caller.role}`;
    throw new RuntimeError("auth.forbidden", message);
  }
  const made = newApiToken();
  const { id, name, role, expiresAt } = await api.ask(api.actors.access, {
    type: "create-token",
    name: body.name,
    role: body.role,
    hash: hashApiToken(made),
    ttlMs: body.ttlMs ?? 0,
  });
  return { kind: "api", token: made, expiresAt, id, name, role };
}
