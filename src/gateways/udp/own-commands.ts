import { boardKey, parseAddress } from "../../core/address.ts";
import { RuntimeError } from "../../core/errors.ts";
import { isName } from "../../core/names.ts";
import type { Result } from "../../core/result.ts";
import { type Fields, isCount, isFields } from "../protocol/fields.ts";
import type { NewBoard } from "./messages.ts";
import { write, writeError } from "./outward.ts";
import type { Ctx, UdpDeps, UdpState } from "./session-state.ts";

/**
 * Commands that the UDP gateway itself answers: the registration of a board by a provisioning key,
 * which may do nothing else, and the question where another device is.
 */
export function register(state: UdpState, fields: Fields, deps: UdpDeps, ctx: Ctx): void {
  const { holder } = state;
  if (holder.type !== "provisioning") return;
  const { registerBoard } = deps.options;
  const { type, id, command } = fields;
  if (type === "hello") return;
  const given = isCount(id) ? id : undefined;
  const asksToRegister =
    type === "command" && given !== undefined && isFields(command) && command["do"] === "register";
  if (!asksToRegister || registerBoard === undefined) {
    const message = "a provisioning key may only send the command register";
    return writeError(state, new RuntimeError("auth.forbidden", message), given, deps, ctx);
  }
  const board = readBoard(command);
  if (board === undefined) {
    const message = "mac, serial and model must be 1 to 128 characters, name at most 128";
    return writeError(state, new RuntimeError("protocol.invalid", message), given, deps, ctx);
  }
  state.stage = "open";
  ctx.clearTimer("hello");
  ctx.perform(
    () => registerBoard(board, `provisioning:${holder.id}`),
    (outcome) => ({ type: "registered", id: given, outcome }),
  );
}

/** Asks where another principal is; that one is told of the question, and where it came from. */
export function findPeer(state: UdpState, fields: Fields, deps: UdpDeps, ctx: Ctx): void {
  const { holder } = state;
  const { introduce } = deps.options;
  const { id, command } = fields;
  if (holder.type !== "device" || !isCount(id) || !isFields(command)) return;
  const other = principalOf(command["of"]);
  if (other === undefined) {
    const message = "of must be the address of a user or a board";
    return writeError(state, new RuntimeError("protocol.invalid", message), id, deps, ctx);
  }
  if (introduce === undefined) {
    const error = new RuntimeError("route.forbidden", "addresses are not told here");
    return writeError(state, error, id, deps, ctx);
  }
  const { address, port } = state;
  const place = { device: holder.device, address, port, since: ctx.now };
  ctx.perform(
    () => introduce(holder.principal, place, other),
    (outcome) => ({ type: "peer-found", id, outcome }),
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

/** The key of the principal at an address; undefined when there can be none. */
function principalOf(address: unknown): string | undefined {
  const parsed = typeof address === "string" ? parseAddress(address) : undefined;
  if (!parsed?.ok) return undefined;
  if (parsed.value.type === "user") return parsed.value.id;
  return parsed.value.type === "board" ? boardKey(parsed.value.id) : undefined;
}

function readBoard({ mac, serial, model, name = "" }: Fields): NewBoard | undefined {
  if (!isNamed(mac) || !isNamed(serial) || !isNamed(model)) return undefined;
  // A board without a name of its own is one all the same.
  if (name !== "" && !isNamed(name)) return undefined;
  return { mac, serial, model, name };
}

function isNamed(value: unknown): value is string {
  return typeof value === "string" && isName(value);
}
