interface Advice {
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** The HTTP status that carries this error. */
  readonly status: number;
  /** What to do next, in one sentence for the person who sees it. */
  readonly advice: string;
}

/**
 * Every operating error of Herald: what carries it and what to do next.
 * Codes go over the wire: add freely; never rename one, never reuse one.
 */
export const ERRORS = {
  "actor.crashed": e(false, 500, "Read the log line of the crash; the supervisor has acted."),
  "actor.exists": e(false, 409, "Choose another name, or find the actor that has this one."),
  "actor.stopped": e(true, 503, "The actor ended; find it again by kind and id."),
  "ask.timeout": e(true, 504, "Ask again, or with a longer deadline."),
  "audience.conflict": e(true, 409, "Read the audience again: somebody else changed it."),
  "audience.failed": e(false, 422, "The message says why; herald audience start collects again."),
  "audience.in-use": e(
    false,
    409,
    "Make a new audience: campaigns keep the one they were made for.",
  ),
  "audience.invalid": e(false, 422, "Correct the named column or line and import again."),
  "audience.not-ready": e(true, 409, "Wait until it is finished, then try again."),
  "audience.refused": e(false, 409, "The message says which state it is in and what that allows."),
  "audience.unknown": e(false, 404, "List the audiences to see which there are."),
  "auth.expired": e(false, 401, "Mint a new token: herald token create --help."),
  "auth.forbidden": e(false, 403, "Use a token with the role that the message names."),
  "auth.invalid": e(false, 401, "Check the token, its key and its issuer."),
  "auth.missing": e(false, 401, "Send the header Authorization: Bearer <token>."),
  "auth.signature": e(false, 401, "Sign it with the provider's secret, as in docs/providers.md."),
  "ban.unknown": e(false, 404, "GET /v1/bans lists who is banned."),
  "board.unknown": e(false, 404, "Check the id; GET /v1/boards lists the boards."),
  "broker.unavailable": e(true, 503, "Look at the broker; nothing was taken, send it again."),
  "campaign.conflict": e(true, 409, "Read the campaign again: somebody else changed it."),
  "campaign.invalid": e(false, 422, "Correct the named fields and create it again."),
  "campaign.refused": e(false, 409, "The message says which state it is in and what that allows."),
  "campaign.unknown": e(false, 404, "List the campaigns to see which there are."),
  "cli.invalid": e(false, 400, "Correct the named options; --help has an example."),
  "condition.invalid": e(false, 422, "Correct the named fields of the condition."),
  "config.invalid": e(false, 400, "Correct every problem listed; see docs/configuration.md."),
  "effect.failed": e(true, 500, "Read the cause; it came from outside Herald's own code."),
  "family.unknown": e(false, 404, "Check the host's id, or who is in which family."),
  "gateway.banned": e(true, 429, "Wait as long as retryAfterMs says; then connect less often."),
  "gateway.busy": e(true, 503, "Wait as long as retryAfterMs says, then try again."),
  "gateway.unsupported": e(false, 500, "Follow the message: this machine lacks something."),
  "http.aborted": e(true, 400, "The client went away before its request was whole; send it again."),
  "http.body-too-large": e(false, 413, "Send less in one request; the message names the limit."),
  "http.idempotency-mismatch": e(false, 422, "Use a new Idempotency-Key for a new request."),
  "http.idempotency-running": e(true, 409, "The first request with this key is still running."),
  "http.invalid": e(false, 400, "Correct the named fields; see /docs."),
  "http.media-type": e(false, 415, "Send the content type that the message names."),
  "http.method-not-allowed": e(false, 405, "Use one of the methods in the Allow header."),
  "http.not-found": e(false, 404, "Check the path against /docs."),
  "http.timeout": e(true, 408, "Send the whole request faster, or in smaller parts."),
  internal: e(true, 500, "Report it with the request id; the log has the cause."),
  "mailbox.full": e(true, 503, "The receiver is behind; wait and send less."),
  "member.invalid": e(false, 422, "Correct the named fields of the member."),
  "member.unknown": e(false, 404, "Check the id; POST /v1/members makes members."),
  "numbered.unknown": e(false, 404, "List them to see which numbers there are."),
  "node.draining": e(true, 503, "The node is stopping or emptied; connect to another or wait."),
  "node.unreachable": e(true, 503, "Start one with herald start, or say where it is by --url."),
  "node.not-ready": e(true, 503, "Wait until what is listed is gone, or look into it."),
  "outbox.full": e(true, 503, "Let a consumer acknowledge uploads, then send it again."),
  "outbox.refused": e(false, 409, "The message says what stands in the way; change that first."),
  "platform.failed": e(true, 502, "Look at the service at platform.url; try again later."),
  "platform.refused": e(false, 403, "The service at platform.url said no; its words follow."),
  "protocol.invalid": e(false, 400, "Correct the frame; see docs/protocol.md."),
  "protocol.order": e(false, 400, "Send hello first, and once."),
  "protocol.too-fast": e(true, 429, "Send fewer frames per second."),
  "provider.failed": e(true, 502, "Look at the provider's own log and try again."),
  "provider.unknown": e(false, 422, "Use one of the providers that the message lists."),
  "pull.failed": e(true, 502, "Look at the member API's own log; then herald audience start."),
  "pull.refused": e(false, 422, "Correct what the message names: the pull, or the member API."),
  "push.unknown": e(false, 404, "Check the id; settled pushes are forgotten after a while."),
  "relation.refused": e(false, 409, "The message says what stands in the way; change that first."),
  "route.forbidden": e(false, 403, "Only those who are bound or in one family reach each other."),
  "route.offline": e(
    true,
    404,
    "Nobody there is connected: try later, or let a message wait (keepMs, ttlMs).",
  ),
  "route.timeout": e(true, 504, "Nobody answered in time; it may have been received."),
  "route.too-many": e(true, 429, "Wait for the answers to earlier requests."),
  "session.unknown": e(
    false,
    404,
    "Sessions end with their devices: list those that live, or ask for the user or board.",
  ),
  "store.conflict": e(true, 409, "Read again and decide anew."),
  "store.cursor": e(false, 400, "Give the cursor of the previous page as it came, or none."),
  "store.fenced": e(false, 409, "Somebody else owns it by now; stop working on it."),
  "store.locked": e(false, 500, "Another node uses this data folder; stop it or use another."),
  "store.unavailable": e(true, 503, "Check the disk and the store, then try again."),
  "token.unknown": e(false, 404, "List the tokens to see which there are."),
  "topic.forbidden": e(false, 403, "The credential must allow it: claims sub and pub of `topics`."),
  "topic.unknown": e(false, 404, "Subscribe first, or publish to make it."),
  "trace.unknown": e(false, 404, "Start one first: POST /v1/devices/{id}/trace."),
  "udp.too-large": e(false, 413, "Send less in one frame, or use WebSocket for it."),
} as const satisfies Record<string, Advice>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing wrong with an input: where, what was expected, and what came. */
export interface Problem {
  /** Path of the field, as `audience.pageSize`; empty for the whole input. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

export interface RuntimeErrorOptions extends ErrorOptions {
  readonly problems?: readonly Problem[];
  /** When to try again, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** An operating error: expected, handled by its code, safe to show to a caller. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: RuntimeErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.problems = options.problems ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** Turns whatever an effect threw into the one error type the core knows. */
export function toRuntimeError(thrown: unknown): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new RuntimeError("effect.failed", message, { cause: thrown });
}

function e(retryable: boolean, status: number, advice: string): Advice {
  return { retryable, status, advice };
}
