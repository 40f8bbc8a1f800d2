import { createHash } from "node:crypto";
import type { Caller, Role } from "../../actors/access/messages.ts";
import { hashApiToken, isApiToken } from "../../core/api-token.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { NewId } from "../../core/random.ts";
import { type Api, NOBODY } from "./api.ts";
import { invalid } from "./check.ts";
import type { Answer, Exchange } from "./exchange.ts";
import type { PushRoute } from "./push/route.ts";
import type { Route } from "./route.ts";

/** One request in work: what is known of it so far. */
export interface Job {
  /** For a request of an old caller, in the form of the interface that Herald replaces. */
  readonly push?: PushRoute | undefined;
  readonly exchange: Exchange;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  readonly requestId: string;
  readonly api: Api;
  caller: Caller;
  /** What the audit record says was changed. */
  target: string;
  /** Whether the audit has it, or it changed nothing: its answer is that of an earlier one. */
  isRecorded: boolean;
}

const RANKS: Readonly<Record<Role, number>> = { viewer: 1, operator: 2, admin: 3 };

/**
 * Says who calls, if the route may be used by them.
 *
 * @throws RuntimeError `auth.missing`, `auth.invalid`, `auth.expired` or `auth.forbidden`.
 */
export async function authorize(job: Job): Promise<void> {
  const { exchange, route, api } = job;
  const isPublic = route.isPublicIf !== undefined && api.limits[route.isPublicIf];
  if (route.role === "none" || isPublic) return;
  const header = exchange.headers.get("authorization");
  if (header === undefined || header === "") {
    throw new RuntimeError("auth.missing", `${route.method} ${route.path} needs a token`);
  }
  const token = /^bearer +(\S+) *$/i.exec(header)?.[1];
  if (token === undefined || !isApiToken(token)) {
    const message = "the header Authorization has no API token: expected Bearer hat_...";
    throw new RuntimeError("auth.invalid", message);
  }
  const hash = hashApiToken(token);
  job.caller = await api.ask(api.actors.access, { type: "authenticate", hash });
  if (RANKS[job.caller.role] >= RANKS[route.role]) return;
  const message = `this needs the role ${route.role}, and the token's is ${job.caller.role}`;
  throw new RuntimeError("auth.forbidden", message);
}

/** Does the work of a route that changes something, and records who tried and what came of it. */
export async function audited(
  job: Job,
  mayRecordNobody: () => boolean,
  run: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  if (job.route.action === undefined) return run();
  try {
    const answer = await run();
    await record(job, "ok");
    return answer;
  } catch (thrown) {
    const code = thrown instanceof RuntimeError ? thrown.code : "internal";
    if (job.caller !== NOBODY || mayRecordNobody()) await record(job, code);
    throw thrown;
  }
}

/** Has the audit keep what came of a change, once. */
export async function record(job: Job, outcome: string): Promise<void> {
  const { api, caller, target, requestId } = job;
  const { action } = job.route;
  if (action === undefined || job.isRecorded) return;
  job.isRecorded = true;
  const entry = { by: caller.id, action, target, outcome, requestId };
  try {
    await api.ask(api.actors.access, { type: "append-audit", entry });
  } catch (error) {
    // The desk tries again by itself; the change has been made and is answered as such.
    api.logger.error("a change is not recorded yet", { ...entry, error: String(error) });
  }
}

/** The answer of a request, as it goes out and as a repeated request gets it. */
export interface Finished {
  readonly status: number;
  readonly body: string;
  readonly stored: string;
}

/** Where a request is remembered, and what tells it from another one with the same key. */
export interface Claim {
  readonly key: string;
  readonly fingerprint: string;
}

/**
 * The request's idempotency key within its scope: token, method and path.
 *
 * @throws RuntimeError `http.invalid`.
 */
export function claimKeyOf({ exchange, route, caller }: Job): string | undefined {
  const key = exchange.headers.get("idempotency-key");
  if (key === undefined || route.method !== "POST") return undefined;
  if (!/^[\x21-\x7e]{1,200}$/.test(key)) {
    const expected = "1 to 200 visible characters";
    const got = `${key.length} characters`;
    throw invalid([{ path: "header.idempotency-key", expected, got }]);
  }
  return [caller.id, exchange.method, exchange.path, key].join(" ");
}

/** Makes of everything that a request says, its key too, the ids of what it makes. */
export function idsOf(said: () => string): NewId {
  return (prefix) => {
    const hash = createHash("sha256").update(said()).digest();
    return `${prefix}_${hash.subarray(0, 16).toString("base64url")}`;
  };
}

export function fingerprintOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}
