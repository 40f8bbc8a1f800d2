import type { StoredResponse } from "../../actors/access/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import { errorAnswer, toHttpError } from "./error-answer.ts";
import type { Answer } from "./exchange.ts";
import { type Claim, type Finished, type Job, record } from "./job.ts";

const RUNNING_RETRY_MS = 1_000;

export const JSON_HEADERS = { "content-type": "application/json; charset=utf-8" };

export function answerOf({ status, body }: Finished): Answer {
  return { status, headers: JSON_HEADERS, body };
}

export interface OnceOptions {
  /** Whether an error that is no use repeating is the answer of a repeated request, too. */
  readonly keepsErrors: boolean;
  /** Looks at the stored answer before it is given again; it may be of another request. */
  readonly replay: (stored: StoredResponse) => Promise<StoredResponse>;
  readonly run: () => Promise<Finished>;
}

/**
 * Does a request's work unless its key says that it has been done: then the answer comes again.
 *
 * The key is taken before the work and survives restarts; a failure that may pass gives it back.
 *
 * @throws RuntimeError `http.idempotency-running`, `http.idempotency-mismatch`, or the work's.
 */
export async function once(job: Job, claim: Claim, options: OnceOptions): Promise<Answer> {
  const { api } = job;
  const claimed = await api.ask(api.actors.access, { type: "begin-request", ...claim });
  switch (claimed.type) {
    case "running":
      throw new RuntimeError("http.idempotency-running", "the first request is still in work", {
        retryAfterMs: RUNNING_RETRY_MS,
      });
    case "mismatch":
      throw mismatch();
    case "done": {
      const { status, body } = await options.replay(claimed.response);
      job.isRecorded = true;
      return { status, headers: { ...JSON_HEADERS, "idempotency-replayed": "true" }, body };
    }
    case "fresh":
      return workAndRemember(job, claim.key, options);
  }
}

export function mismatch(): RuntimeError {
  const message = "a request with this key and another content was made before";
  return new RuntimeError("http.idempotency-mismatch", message);
}

async function workAndRemember(job: Job, key: string, options: OnceOptions): Promise<Answer> {
  let finished: Finished;
  try {
    finished = await options.run();
  } catch (thrown) {
    const error = toHttpError(thrown, job.requestId, job.api.logger);
    if (error.retryable || !options.keepsErrors) await settle(job, { type: "abandon", key });
    else {
      await record(job, error.code);
      const { status, body } = errorAnswer(error, job.requestId);
      await settle(job, { type: "finish", key, response: { status, body: String(body) } });
    }
    throw error;
  }
  // Before the key is: a crash in between has it repeated and recorded again, but never missed.
  await record(job, "ok");
  const { status, stored } = finished;
  await settle(job, { type: "finish", key, response: { status, body: stored } });
  return answerOf(finished);
}

type Settlement =
  | { readonly type: "finish"; readonly key: string; readonly response: StoredResponse }
  | { readonly type: "abandon"; readonly key: string };

/** A failure here is no failure of the request; the desk tries again by itself. */
async function settle({ api, requestId }: Job, it: Settlement): Promise<void> {
  const { access } = api.actors;
  try {
    if (it.type === "abandon") await api.ask(access, { type: "abandon-request", key: it.key });
    else {
      const { key, response } = it;
      await api.ask(access, { type: "finish-request", key, response });
    }
  } catch (error) {
    api.logger.error("a request's key is not settled yet", { requestId, error: String(error) });
  }
}
