import type { z } from "zod";
import { ERRORS, RuntimeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Answer } from "./exchange.ts";
import type { errorBody } from "./schemas.ts";

/** When to try again where nobody said better, in milliseconds. */
const RETRY_MS = 1_000;

/** What was thrown while a request was in work: an operating error, or a bug of ours. */
export function toHttpError(thrown: unknown, requestId: string, logger: Logger): RuntimeError {
  if (thrown instanceof RuntimeError && thrown.code !== "effect.failed") return thrown;
  const cause = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  logger.error("a request failed", { requestId, cause });
  // Whatever it says was not written for callers.
  const message = "it failed; the log has the cause under the request id";
  return new RuntimeError("internal", message, { cause: thrown });
}

/** The one shape of every error. */
export function errorAnswer(error: RuntimeError, requestId: string): Answer {
  const { status, advice, retryable } = ERRORS[error.code];
  const isTemporary = retryable && (status === 503 || status === 429);
  const retryAfterMs = error.retryAfterMs ?? (isTemporary ? RETRY_MS : undefined);
  const body: z.output<typeof errorBody> = {
    error: {
      code: error.code,
      message: error.message,
      advice,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      problems: [...error.problems],
      requestId,
    },
  };
  const headers: Record<string, string> = { "content-type": "application/json; charset=utf-8" };
  if (retryAfterMs !== undefined) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  }
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="herald"';
  // The rest of a body that comes too slowly is not waited for.
  return { status, headers, body: JSON.stringify(body), close: error.code === "http.timeout" };
}
