import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Ref } from "../actors/kernel/actor.ts";
import type { Board, RelationsMessage } from "../actors/relations/messages.ts";
import { boardKey } from "../core/address.ts";
import { RuntimeError, toRuntimeError } from "../core/errors.ts";
import { isName } from "../core/names.ts";
import type { Reach } from "../core/relations.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { ClassicRegistry, NewClassicBoard } from "../gateways/classic/udp-options.ts";
import type { Base } from "./base.ts";
import type { Decisions } from "./platform.ts";

const ASK_MS = 5_000;
const SECRET_BYTES = 32;
/** Bits of a board's number: enough that no two boards have the same, and few enough for all. */
const NUMBER_BITS = 47n;
const NUMBER = /^[1-9]\d{0,18}$/;

/**
 * Knows classic boards by itself.
 *
 * A board's number comes from hardware address and serial number, unless a service of the user's
 * own chooses one, so that a reply that was lost can be asked for again. Its cookie is derived from
 * a secret of the installation and from the version of the board's secret: `rotate-secret` makes it
 * invalid. A board that belongs to somebody gets no cookie a second time: anyone can say to be it.
 */
export async function classicRegistry(
  { config, stores, system }: Base,
  desk: Ref<RelationsMessage>,
  chooseId: Decisions["boardId"],
): Promise<ClassicRegistry> {
  const secret = await stores.credentials.secret("classic", randomBytes(SECRET_BYTES));
  const ask = async <T>(request: (replyTo: Ref<Result<T>>) => RelationsMessage): Promise<T> => {
    const options = { deadlineMs: ASK_MS };
    const answer = await system.ask<RelationsMessage, Result<T>>(desk, request, options);
    if (!answer.ok) throw answer.error;
    return answer.value;
  };
  const read = (id: string) =>
    ask<Board>((replyTo) => ({ type: "read-board", board: id, replyTo }));
  const register = async (board: NewClassicBoard) => {
    const id = await idOf(board, chooseId);
    const principal = boardKey(id);
    const reach = await ask<Reach>((replyTo) => ({ type: "reach", principal, replyTo }));
    if (reach.roles.size > 0) {
      throw new RuntimeError("relation.refused", "the board belongs to somebody: unbind it first");
    }
    await ask((replyTo) => ({
      ...{ type: "change", change: { type: "register", board: factsOf(id, board) } },
      ...{ by: "classic", replyTo },
    }));
    return { board: id, cookie: cookieOf(secret, await read(id)) };
  };
  return {
    ...(config.classic.registers ? { register: (board) => asResult(register(board)) } : {}),
    login: ({ mac, cookie }) =>
      asResult(
        (async () => {
          const board = await read(cookie.slice(0, cookie.indexOf("|")));
          const expected = Buffer.from(cookieOf(secret, board));
          const given = Buffer.from(cookie);
          const isRight = given.length === expected.length && timingSafeEqual(given, expected);
          if (!isRight || board.mac !== mac) {
            throw new RuntimeError("auth.invalid", "the cookie is not that of this board");
          }
          return { board: board.id, secretVersion: board.secretVersion };
        })(),
      ),
  };
}

/** At most 64 bytes: the number, a bar, and 43 characters. */
function cookieOf(secret: Uint8Array, { id, secretVersion }: Board): string {
  const mark = createHmac("sha256", secret)
    .update(JSON.stringify(["classic cookie", id, secretVersion]))
    .digest("base64url");
  return `${id}|${mark}`;
}

async function idOf(board: NewClassicBoard, chooseId: Decisions["boardId"]): Promise<string> {
  const { mac, serial, name } = board;
  const chosen = await chooseId({ mac, serial, name, model: modelOf(board) });
  if (!chosen.ok) throw chosen.error;
  const { board: id = numberOf(board) } = chosen.value;
  if (NUMBER.test(id) && BigInt(id) < 1n << 63n) return id;
  throw new RuntimeError("platform.failed", "a classic board's id must be a positive number");
}

function modelOf({ deviceType }: NewClassicBoard): string {
  return `classic ${deviceType}`;
}

function numberOf({ mac, serial }: NewClassicBoard): string {
  const digest = createHash("sha256").update(`${mac} ${serial}`).digest();
  return `${(digest.readBigUInt64BE() >> (64n - NUMBER_BITS)) + 1n}`;
}

function factsOf(id: string, board: NewClassicBoard) {
  const { mac, serial, name } = board;
  const named = isName(name) ? { name } : {};
  return { id, mac, serial, model: modelOf(board), ...named };
}

async function asResult<T>(value: Promise<T>): Promise<Result<T>> {
  try {
    return ok(await value);
  } catch (error) {
    return fail(toRuntimeError(error));
  }
}
