import type { Hall } from "./hall.ts";
import { type ClassicId, classicId } from "./ids.ts";
import { type ClassicLogin, type LoginError, readLogin } from "./login.ts";

type Who =
  | { readonly ok: true; readonly identity: ClassicId; readonly login: ClassicLogin }
  | { readonly ok: false; readonly error: LoginError };

/** Says who logs in with a text from an address, or why nobody does. A text is good once. */
export function whoLogsIn(text: string, { options, logins, spent }: Hall, address: string): Who {
  const { clock, login: rules, space } = options;
  const now = clock.monotonic();
  if (!logins.pay(address, now)) return { ok: false, error: "server" };
  const read = readLogin(text, rules, clock.now());
  if (!read.ok) return read;
  const { login } = read;
  const identity = classicId(login.id, space);
  // A phone logs in as its user, and is given its own number.
  if (identity === undefined || (identity.kind === "phone" && identity.slot !== 0)) {
    return { ok: false, error: "device" };
  }
  const { principal } = identity;
  const refuse = (error: LoginError, message: string): Who => {
    const from = { transport: "classic", address } as const;
    const event = {
      type: "refused",
      device: "classic",
      from,
      code: "auth.invalid",
      message,
    } as const;
    options.chronicle?.note(principal, event, clock.now());
    return { ok: false, error };
  };
  if (login.timestamp !== 0 && !spent.spend(text, now)) {
    return refuse("timestamp", "the text of its log-in was used before");
  }
  const bannedMs = options.bans?.waitMs("principal", principal) ?? 0;
  if (bannedMs > 0) return refuse("server", `it logs in too often; banned for ${bannedMs} ms`);
  return { ok: true, identity, login };
}
