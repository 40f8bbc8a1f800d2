import { RuntimeError } from "./errors.ts";
import { isName } from "./names.ts";
import { fail, ok, type Result } from "./result.ts";

/**
 * A principal is who has sessions and an inbox: a user, with phones, or a board (a thing).
 *
 * Its key names it everywhere: a user's key is the user's id; a board's is `board:` and its id. No
 * id begins like an address, so that neither a key nor an address can be taken for another one.
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

/** What those who choose an id are told when it begins like an address. */
export const ID_EXPECTED = "an id without session:, user:, board:, family: or topic: before it";

export function isUserId(id: string): boolean {
  return isName(id) && !isPrefixed(id);
}

/** Whether it begins like an address. */
export function isPrefixed(id: string): boolean {
  return kindBefore(id) !== undefined;
}

/** As that of a user, and there is room for its key. */
export function isBoardId(id: string): boolean {
  return isUserId(id) && isName(boardKey(id));
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
  const type = kindBefore(text);
  if (type === undefined) return undefined;
  const id = text.slice(type.length + 1);
  const isPrincipal = type !== "session" && type !== "topic";
  return (isPrincipal ? isUserId(id) : isName(id)) ? ({ type, id } as Address) : undefined;
}

/** The kind of address that a text begins with, if it does. */
function kindBefore(text: string): string | undefined {
  const colon = text.indexOf(":");
  const type = text.slice(0, Math.max(0, colon));
  return WITH_ID.has(type) ? type : undefined;
}

function invalid(path: string, expected: string, got: string): Result<never> {
  const problems = [{ path, expected, got }];
  const message = `${path} must be ${expected}; got ${got}`;
  return fail(new RuntimeError("protocol.invalid", message, { problems }));
}
