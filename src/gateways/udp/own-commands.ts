import { boardKey, parseAddress } from "../../core/address.ts";
import { RuntimeError } from "../../core/errors.ts";
import { isName, NAME_MAX } from "../../core/names.ts";
import { ok, type Result } from "../../core/result.ts";
import { COUNT, type Fields, invalid, isCount, isFields } from "../protocol/fields.ts";
import type { NewBoard } from "./messages.ts";
import { write, writeError } from "./outward.ts";
import type { Ctx, UdpDeps, UdpState } from "./session-state.ts";

const NAME = `a string of 1 to ${NAME_MAX} characters, none of them control`;

/**
 * Commands that the UDP gateway itself answers: the registration of a board by a provisioning key,
 * which may do nothing else, and the question where another device is.
 */
export function register(state: UdpState, fields: Fields, deps: UdpDeps, ctx: Ctx): void {
  const { holder } = state;
  if (holder.type !== "provisioning") return;
  const { registerBoard } = deps.options;
  const { type, id, command } = fields;
  const given = isCount(id) ? id : undefined;
  const asksToRegister = type === "command" && isFields(command) && command["do"] === "register";
  if (!asksToRegister || registerBoard === undefined) {
    const message = "a provisioning key may only send the command register";
    return writeError(state, new RuntimeError("auth.forbidden", message), given, deps, ctx);
  }
  const board = isCount(id) ? readBoard(command) : invalid("id", COUNT, id);
  if (!board.ok) return writeError(state, board.error, given, deps, ctx);
  state.stage = "open";
  ctx.clearTimer("hello");
  ctx.perform(
    () => registerBoard(board.value, `provisioning:${holder.id}`),
    (outcome) => ({ type: "registered", id: given!, outcome }),
  );
}

/** Asks where another principal is; that one is told of the question, and where it came from. */
export function findPeer(state: UdpState, fields: Fields, deps: UdpDeps, ctx: Ctx): void {
  const { holder } = state;
  const { introduce } = deps.options;
  const { id, command } = fields;
  if (holder.type !== "device" || !isFields(command)) return;
  const given = isCount(id) ? id : undefined;
  const asked = isCount(id) ? readPrincipal(command["of"]) : invalid("id", COUNT, id);
  if (!asked.ok) return writeError(state, asked.error, given, deps, ctx);
  if (introduce === undefined) {
    const error = new RuntimeError("route.forbidden", "addresses are not told here");
    return writeError(state, error, given, deps, ctx);
  }
  const { address, port } = state;
  const place = { device: holder.device, address, port, since: ctx.now };
  ctx.perform(
    () => introduce(holder.principal, place, asked.value),
    (outcome) => ({ type: "peer-found", id: given!, outcome }),
  );
}

/** Answers a command with what its effect came to. */
export function answer<T>(
  state: UdpState,
  id: number,
  outcome: Result<Result<T>>,
  deps: UdpDeps,
  ctx: Ctx,
): UdpState {
  if (state.stage === "closed") return state;
  const found = outcome.ok ? outcome.value : outcome;
  if (found.ok) write(state, { type: "done", id, result: found.value }, deps, ctx);
  else writeError(state, found.error, id, deps, ctx);
  return state;
}

/** The key of the principal at an address. */
function readPrincipal(address: unknown): Result<string> {
  const parsed = typeof address === "string" ? parseAddress(address) : undefined;
  if (parsed?.ok && parsed.value.type === "user") return ok(parsed.value.id);
  if (parsed?.ok && parsed.value.type === "board") return ok(boardKey(parsed.value.id));
  return invalid("command.of", "the address of a user or a board, as board:lamp-1", address);
}

function readBoard({ mac, serial, model, name = "" }: Fields): Result<NewBoard> {
  if (!isNamed(mac)) return invalid("command.mac", NAME, mac);
  if (!isNamed(serial)) return invalid("command.serial", NAME, serial);
  if (!isNamed(model)) return invalid("command.model", NAME, model);
  // A board without a name of its own is one all the same.
  if (name !== "" && !isNamed(name)) return invalid("command.name", NAME, name);
  return ok({ mac, serial, model, name });
}

function isNamed(value: unknown): value is string {
  return typeof value === "string" && isName(value);
}
