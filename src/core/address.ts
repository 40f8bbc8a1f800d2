import { RuntimeError } from "./errors.ts";
import { isName } from "./names.ts";
import { fail, ok, type Result } from "./result.ts";

/**
 * A principal is who has sessions and an inbox: a user, with phones, or a board (a thing).
 *
 * Its key names it everywhere: a user's key is the user's id; a board's is `board:` and its id.
 * No user's id begins so.
 */
export type PrincipalKind = "phone" | "board";

const BOARD = "board:";

export function boardKey(board: string): string {
  return BOARD + board;
}

/** The board's id of a principal's key; undefined when it is a user's. */
export function boardOf(principal: string): string | undefined {
  return principal.startsWith(BOARD) ? principal.slice(BOARD.length) : undefined;
}

/** The address of a principal: `user:` or `board:` and its id. */
export function addressOf(principal: string): string {
  return boardOf(principal) === undefined ? `user:${principal}` : principal;
}

export function kindOf(principal: string): PrincipalKind {
  return principal.startsWith(BOARD) ? "board" : "phone";
}

/** Where a device's message goes. Written as `board:b1`, `user:u1`, `boards`, `topic:news`. */
export type Address =
  | { readonly type: "session" | "user" | "board" | "family" | "topic"; readonly id: string }
  /** All boards that the sender may reach, or all phones that may reach the sender. */
  | { readonly type: "boards" | "phones" };

const WITH_ID = new Set(["session", "user", "board", "family", "topic"]);

/** Reads an address; the error is `protocol.invalid` and names the field `to`. */
export function parseAddress(text: string): Result<Address> {
  if (text === "boards" || text === "phones") return ok({ type: text });
  const colon = text.indexOf(":");
  const type = text.slice(0, colon);
  const id = text.slice(colon + 1);
  const isOne = colon > 0 && WITH_ID.has(type) && isName(id);
  if (isOne && !(type === "user" && boardOf(id) !== undefined)) return ok({ type, id } as Address);
  const expected = "session:, user:, board:, family: or topic: and a name, or boards, or phones";
  const got = `a string of ${text.length} characters`;
  const problems = [{ path: "to", expected, got }];
  return fail(
    new RuntimeError("protocol.invalid", `to must be ${expected}; got ${got}`, { problems }),
  );
}
