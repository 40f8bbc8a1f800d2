import { z } from "zod";
import type { Board, Relations } from "../../../actors/relations/messages.ts";
import { boardKey, boardOf, ID_EXPECTED, isPrefixed, kindOf } from "../../../core/address.ts";
import { isName, NAME_MAX } from "../../../core/names.ts";
import { answer, instant, request, text, userId } from "../schemas.ts";

const BOARD_ID_MAX = NAME_MAX - boardKey("").length;

export const boardId = z
  .string()
  .min(1, { abort: true })
  .max(BOARD_ID_MAX, { abort: true })
  .refine((id) => isName(boardKey(id)), "text without control characters")
  .refine((id) => !isPrefixed(id), ID_EXPECTED);

/** A user, and not a board's key. */
export const person = userId.refine((id) => !isPrefixed(id), ID_EXPECTED);

export const byBoard = z.strictObject({ id: boardId.meta({ examples: ["lamp-1"] }) });
export const byUser = z.strictObject({ id: person.meta({ examples: ["m-1"] }) });
export const byHost = z.strictObject({
  id: person.meta({ examples: ["m-1"] }).describe("The host of the family."),
});

export const ofUser = request(
  "RelationUser",
  z.strictObject({ user: person.meta({ examples: ["m-2"] }) }),
);

const guestOrMember = z
  .enum(["member", "guest"])
  .describe("A guest sees what boards send, and commands nothing.");

export const asRole = request(
  "RelationRole",
  z.strictObject({ user: person.meta({ examples: ["m-2"] }), role: guestOrMember }),
);

/** Optional as in `BoardFacts`: what is left out stays. */
const label = z
  .string()
  .max(NAME_MAX)
  .refine((it) => it === "" || isName(it), "a name, or nothing");

export const newBoard = request(
  "BoardFacts",
  z
    .strictObject({
      name: text(NAME_MAX).optional().describe("At first the id, unless it is said."),
      model: label.optional().describe("What kind of thing it is."),
      serial: label.optional(),
      mac: label.optional().describe("Its hardware address."),
    })
    .describe("What is left out stays as it is.")
    .meta({ examples: [{ name: "Lamp", model: "lamp-2" }] }),
);

const role = z.enum(["owner", "member", "guest"]);

const boardFields = {
  id: z.string(),
  name: z.string(),
  model: z.string(),
  serial: z.string(),
  mac: z.string(),
  owner: z.string().optional().describe("Absent while it is bound to nobody."),
  secretVersion: z.int(),
  registeredAt: instant,
};

const seen = instant.optional().describe("When it was last connected; absent if it never was.");
const users = z.array(z.object({ user: z.string(), role }));

export const board = answer("Board", z.object(boardFields));

export const boardChange = answer(
  "BoardChange",
  z.object({ ...boardFields, changed: z.boolean().describe("False when it was so already.") }),
);

export const boardView = answer(
  "BoardView",
  z.object({
    ...boardFields,
    users: users.describe("Who reaches it: its owner, and the owner's family."),
    family: z.string().optional().describe("Host of the owner's family."),
    lastSeen: seen,
  }),
);

export const boardSecret = answer(
  "BoardSecret",
  z.object({
    id: z.string(),
    device: z.string(),
    version: z.int(),
    secret: z.string().describe("32 bytes in base64url, for UDP."),
  }),
);

export const changeAnswer = answer(
  "RelationChanged",
  z.object({
    changed: z.boolean().describe("False when it was so already; then nobody was told."),
  }),
);

export const family = answer(
  "Family",
  z.object({
    host: z.string(),
    members: z.array(
      z.object({
        user: z.string(),
        role,
        isInvited: z.boolean().describe("Whether the user has not answered yet."),
        since: instant,
      }),
    ),
  }),
);

export const relationsView = answer(
  "UserRelations",
  z.object({
    user: z.string(),
    family: family.optional(),
    invitations: z.array(z.object({ family: z.string(), role, since: instant })),
    boards: z.array(z.object({ board: z.string(), role })),
    users: users.describe("The others of the family."),
    lastSeen: seen,
  }),
);

/** Users of a view, in its order. */
export function usersOf({ reach }: Relations) {
  const all = [...reach.roles].filter(([key]) => kindOf(key) === "phone");
  return all.map(([user, role]) => ({ user, role }));
}

/** Boards of a view, in its order. */
export function boardsOf({ reach }: Relations) {
  return [...reach.roles].flatMap(([key, role]) => {
    const board = boardOf(key);
    return board === undefined ? [] : [{ board, role }];
  });
}

/** A board's fields as answers have them: one that has no owner lacks the field. */
export function boardJson({ owner, ...rest }: Board) {
  return owner === undefined ? rest : { ...rest, owner };
}
