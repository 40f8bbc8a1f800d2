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
  | Place
  | { readonly type: "session"; readonly id: string }
  | { readonly type: "topic"; readonly id: string };

/** An address of principals, each of whom is online or is not. */
export type Place =
  | { readonly type: "user" | "board" | "family"; readonly id: string }
  /** All boards that the sender may reach, or all phones that may reach the sender. */
  | { readonly type: "boards" | "phones" };

const WITH_ID = new Set(["session", "user", "board", "family", "topic"]);

/** Reads an address; the error is `protocol.invalid` and names the field `to`. */
export function parseAddress(text: string): Result<Address> {
  const address = addressFrom(text);
  if (address !== undefined) return ok(address);
  const expected = "session:, user:, board:, family: or topic: and a name, or boards, or phones";
  return invalid("to", expected, `a string of ${text.length} characters`);
}

/** The same of principals; the error names the field `of`. */
export function parsePlace(text: string): Result<Place> {
  const address = addressFrom(text);
  const expected = "user:, board: or family: and a name, or boards, or phones";
  if (address === undefined) {
    return invalid("of", expected, `a string of ${text.length} characters`);
  }
  if (address.type !== "session" && address.type !== "topic") return ok(address);
  return invalid("of", expected, `a ${address.type}:`);
}

function addressFrom(text: string): Address | undefined {
  if (text === "boards" || text === "phones") return { type: text };
  const colon = text.indexOf(":");
  const type = text.slice(0, colon);
  const id = text.slice(colon + 1);
  const isOne = colon > 0 && WITH_ID.has(type) && isName(id);
  if (!isOne || (type === "user" && boardOf(id) !== undefined)) return undefined;
  return { type, id } as Address;
}

function invalid(path: string, expected: string, got: string): Result<never> {
  const problems = [{ path, expected, got }];
  const message = `${path} must be ${expected}; got ${got}`;
  return fail(new RuntimeError("protocol.invalid", message, { problems }));
}
