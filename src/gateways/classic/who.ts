import type { ErrorCode } from "../../core/errors.ts";
import { networkOf } from "../remote-address.ts";
import type { Hall } from "./hall.ts";
import { type ClassicId, classicId } from "./ids.ts";
import { type ClassicLogin, type LoginClaim, type LoginError, readLogin } from "./login.ts";
import type { ClassicOptions } from "./options.ts";

type Who =
  | { readonly ok: true; readonly identity: ClassicId; readonly login: ClassicLogin }
  | { readonly ok: false; readonly error: LoginError };

/** Why a log-in's text was refused, for people who look. */
const WHY: Readonly<Partial<Record<LoginError, string>>> = {
  timestamp: "its clock is not the node's, or it has none: see classic.clockSkewSeconds",
  timeout: "its heartbeat is no number",
  "bad-timeout": "its heartbeat is no number of seconds from 0 to 86 400",
  digest: "its digest was not made with classic.secret",
};

/** Says who logs in with a text from an address, or why nobody does. A text is good once. */
export function whoLogsIn(text: string, { options, logins, spent }: Hall, address: string): Who {
  const { clock, login: rules, space } = options;
  const now = clock.monotonic();
  if (!logins.pay(networkOf(address), now)) return { ok: false, error: "server" };
  const read = readLogin(text, rules, clock.now());
  if (!read.ok) {
    noteText(read.error, read.claim, options, address);
    return read;
  }
  const { login } = read;
  const identity = classicId(login.id, space);
  if (identity === undefined) return { ok: false, error: "device" };
  const { principal } = identity;
  const refuse = (error: LoginError, message: string, code: ErrorCode = "auth.invalid"): Who => {
    noteRefused(principal, { code, message }, options, address);
    return { ok: false, error };
  };
  // A phone logs in as its user, and is given its own number.
  if (identity.kind === "phone" && identity.slot !== 0) {
    return refuse("device", "a phone logs in with its user's number, a multiple of 16");
  }
  if (login.timestamp !== 0 && !spent.spend(text, now)) {
    return refuse("timestamp", "the text of its log-in was used before");
  }
  const bannedMs = options.bans?.waitMs("principal", principal) ?? 0;
  if (bannedMs === 0) return { ok: true, identity, login };
  const message = `it logs in too often; banned for ${bannedMs} ms`;
  return refuse("server", message, "gateway.banned");
}

/** Notes that a classic device whose log-in was right was not let in all the same. */
export function noteRefused(
  principal: string,
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  { chronicle, clock }: Pick<ClassicOptions, "chronicle" | "clock">,
  address: string,
): void {
  const refusal = { ...refusalFrom(address), code, message };
  chronicle?.note(principal, { type: "refused", ...refusal }, clock.now());
}

/** The same of somebody who could not show to be that device. */
export function noteStranger(
  principal: string,
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  { chronicle, clock }: Pick<ClassicOptions, "chronicle" | "clock">,
  address: string,
): void {
  chronicle?.noteStranger(principal, { ...refusalFrom(address), code, message }, clock.now());
}

function refusalFrom(address: string) {
  return { device: "classic", from: { transport: "classic", address } } as const;
}

function noteText(
  error: LoginError,
  claim: LoginClaim | undefined,
  options: ClassicOptions,
  address: string,
): void {
  const principal = claim && classicId(claim.id, options.space)?.principal;
  if (principal === undefined) return;
  const why = { code: "auth.invalid", message: WHY[error] ?? error } as const;
  const note = claim?.isProven === true ? noteRefused : noteStranger;
  note(principal, why, options, address);
}
