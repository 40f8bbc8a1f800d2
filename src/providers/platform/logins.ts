import type { Clock } from "../../core/clock.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Admission, LoginClaim, Platform } from "./platform.ts";

/** Answers that are remembered; beyond, the oldest go first. */
const REMEMBERED_MAX = 100_000;

export interface LoginOptions {
  readonly platform: Pick<Platform, "login">;
  readonly clock: Clock;
  /** How long an answer holds for the same device, in milliseconds; 0: it is always asked. */
  readonly cacheMs: number;
  /** What happens to who cannot be asked about. */
  readonly whenDown: "admit" | "refuse";
}

interface Remembered {
  readonly answer: Promise<Result<Admission>>;
  /** In monotonic milliseconds; Infinity while it is asked. */
  until: number;
}

/**
 * Whether devices may come in, as the platform says.
 *
 * A storm of reconnects must not become a storm of questions: devices that are asked about at
 * the same time share one, and an answer, yes or no, holds for a while. A failure is no answer.
 */
export function rememberedLogins({ platform, clock, cacheMs, whenDown }: LoginOptions) {
  const known = new Map<string, Remembered>();
  const forget = (key: string, it: Remembered): void => {
    if (known.get(key) === it) known.delete(key);
  };
  const ask = async (who: LoginClaim, key: string, it: () => Remembered) => {
    const answer = await platform.login(who);
    const isAnswer = answer.ok || answer.error.code === "platform.refused";
    if (isAnswer && cacheMs > 0) it().until = clock.monotonic() + cacheMs;
    else forget(key, it());
    return isAnswer || whenDown === "refuse" ? answer : ok({});
  };
  return (who: LoginClaim): Promise<Result<Admission>> => {
    const key = JSON.stringify([who.principal, who.device]);
    const found = known.get(key);
    if (found !== undefined && found.until > clock.monotonic()) return found.answer;
    known.delete(key);
    const fresh: Remembered = {
      answer: ask(who, key, () => fresh),
      until: Number.POSITIVE_INFINITY,
    };
    known.set(key, fresh);
    const [oldest] = known.size > REMEMBERED_MAX ? known.keys() : [];
    if (oldest !== undefined) known.delete(oldest);
    return fresh.answer;
  };
}
