import { ERRORS, type Problem, RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";
import { toHttpError } from "../error-answer.ts";
import type { Answer } from "../exchange.ts";
import { writeWide } from "./wide-json.ts";

/** What old callers look at: 1 done, 2 the server cannot, 3 what was asked for is wrong. */
export interface Reply {
  readonly ret: 1 | 2 | 3;
  readonly msg: string;
  readonly detail: string;
  readonly data: unknown;
}

/** What a handler returns: its data, and what there is to say although it is done. */
export interface Done {
  readonly data: unknown;
  readonly detail?: string;
}

const HEADERS = { "content-type": "application/json; charset=utf-8" };

export function doneAnswer({ data, detail = "" }: Done): Answer {
  const reply: Reply = { ret: 1, msg: "ok", detail, data };
  return { status: 200, headers: HEADERS, body: writeWide(reply) };
}

/**
 * A refusal or failure in the old form; HTTP tells only who may not call at all, since old
 * callers look at `ret`.
 */
export function failedAnswer(thrown: unknown, requestId: string, api: Api): Answer {
  const error = toHttpError(thrown, requestId, api.logger);
  const { status, advice } = ERRORS[error.code];
  const isTheirs = status >= 400 && status < 500 && error.code !== "mailbox.full";
  const problems = error.problems.map(
    ({ path, expected, got }) => `${path || "body"}: expected ${expected}, got ${got}`,
  );
  const said = problems.length > 0 ? problems.join("; ") : error.message;
  const reply: Reply = {
    ret: isTheirs ? 3 : 2,
    msg: error.code,
    detail: `${said}. ${advice}`,
    data: null,
  };
  const isAuth = status === 401 || status === 403;
  return { status: isAuth ? status : 200, headers: HEADERS, body: JSON.stringify(reply) };
}

/** What was asked for is wrong, or cannot be done now: `ret` 3. */
export function refused(message: string, problems: readonly Problem[] = []): RuntimeError {
  const code = problems.length > 0 ? "http.invalid" : "campaign.refused";
  return new RuntimeError(code, message, { problems });
}
