import type { Clock } from "../../core/clock.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Counter, Metrics } from "../../core/metrics.ts";
import type { NewId, Random } from "../../core/random.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { type SignedPoster, signedPoster } from "../signed-post.ts";
import { type Allowed, ANSWER_BYTES_MAX, type Verdict, verdictOf } from "./answer.ts";
import type { Platform } from "./platform.ts";
import { turnstile } from "./turnstile.ts";

/** Questions that may wait for one of those in work to be answered; more fail at once. */
const WAITING_MAX = 20_000;
/** Pause before the second try, doubled with each further one; a random half of it is left out. */
const PAUSE_MS = 100;
/** What asks again when the breaker cannot say when, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** What leaves a service alone that fails: the circuit breaker of providers. */
export interface Breaker {
  readonly isOpen: boolean;
  waitMs(items: number, now: number): number;
  enter(items: number, now: number): void;
  leave(report: {
    readonly items: number;
    readonly startedAt: number;
    readonly endedAt: number;
    readonly outcome: "answered" | "failed" | "untried";
    readonly holdMs: number;
  }): void;
}

export interface PlatformSettings {
  readonly url: string;
  /** Each as `SECRET_FORM`; all of them sign, so that they can be exchanged. */
  readonly secrets: readonly string[];
  /** For one try: a connection, the question and the answer. */
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly maxInFlight: number;
}

export interface PlatformDeps {
  readonly settings: PlatformSettings;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Asks the user's own service over HTTP, signed as webhooks are. */
export function httpPlatform(deps: PlatformDeps): Platform {
  const { settings, clock, metrics } = deps;
  const { timeoutMs, maxInFlight } = settings;
  const count = (outcome: string): Counter =>
    metrics.counter("herald_platform_asks_total", "Questions to platform.url by outcome.", {
      outcome,
    });
  const asker: Asker = {
    ...deps,
    base: settings.url.replace(/\/+$/, ""),
    way: signedPoster(settings.secrets, { connectionsMax: maxInFlight, timeoutMs, clock }),
    counts: { allowed: count("allowed"), refused: count("refused"), failed: count("failed") },
    closed: new AbortController(),
  };
  const gate = turnstile({ inside: maxInFlight, waitingMax: WAITING_MAX });
  const ask = (what: string, about: object): Promise<Result<Allowed>> =>
    gate.enter(() => askUntil(asker, what, about)) ?? Promise.resolve(crowded(asker));
  return {
    async login(who) {
      const answer = await ask("login", who);
      return answer.ok ? ok({ grants: answer.value.grants }) : answer;
    },
    async register(board) {
      const answer = await ask("register", board);
      return answer.ok ? ok({ board: answer.value.board }) : answer;
    },
    async change(board, { do: what, ...more }) {
      const answer = await ask(what, { board, ...more });
      return answer.ok ? ok(true) : answer;
    },
    close: () => {
      asker.closed.abort();
      asker.way.close();
    },
  };
}

interface Asker extends PlatformDeps {
  readonly base: string;
  readonly way: SignedPoster;
  readonly counts: Readonly<Record<"allowed" | "refused" | "failed", Counter>>;
  readonly closed: AbortController;
}

/** Asks until there is an answer that can be used, at most `attemptsMax` times. */
async function askUntil(asker: Asker, what: string, about: object): Promise<Result<Allowed>> {
  const { settings, breaker, clock, counts, newId, closed } = asker;
  const id = newId("ask");
  const body = Buffer.from(JSON.stringify({ id, ask: what, ...about }));
  const url = new URL(`${asker.base}/${what}`);
  for (let attempt = 1; ; attempt += 1) {
    const waitMs = breaker.waitMs(1, clock.monotonic());
    if (waitMs > 0) return failed(asker, "it fails, and is left alone for a while", waitMs);
    const verdict = await tryOnce(asker, { id, url, body });
    if (verdict.type === "allowed") {
      counts.allowed.add();
      return ok(verdict.allowed);
    }
    if (verdict.type === "refused") {
      counts.refused.add();
      return fail(verdict.error);
    }
    const isLast = attempt >= settings.attemptsMax || closed.signal.aborted;
    if (verdict.type === "failed" || isLast) return failed(asker, verdict.reason);
    await pause(asker, PAUSE_MS * 2 ** (attempt - 1));
  }
}

interface Question {
  readonly id: string;
  readonly url: URL;
  readonly body: Uint8Array;
}

async function tryOnce(asker: Asker, { id, url, body }: Question): Promise<Verdict> {
  const { clock, way, closed, settings } = asker;
  const startedAt = clock.monotonic();
  asker.breaker.enter(1, startedAt);
  const outcome = await way.post(id, {
    url,
    body,
    deadline: startedAt + settings.timeoutMs,
    signal: closed.signal,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  const verdict = verdictOf(outcome);
  judge(asker, verdict, startedAt);
  return verdict;
}

/** Tells the breaker what came of a try, and the operator when it opens. */
function judge({ breaker, clock, logger }: Asker, verdict: Verdict, startedAt: number): void {
  const wasOpen = breaker.isOpen;
  const isAnswer = verdict.type === "allowed" || verdict.type === "refused";
  const endedAt = clock.monotonic();
  breaker.leave({
    ...{ items: 1, startedAt, endedAt, holdMs: 0, outcome: isAnswer ? "answered" : "failed" },
  });
  if (wasOpen || !breaker.isOpen || isAnswer) return;
  const { reason } = verdict;
  logger.warn("the service at platform.url fails, and is left alone for a while", { reason });
}

function pause({ clock, random }: Asker, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms * (0.5 + random() / 2), resolve));
}

function failed({ counts }: Asker, reason: string, waitMs = RETRY_AFTER_MS): Result<never> {
  counts.failed.add();
  const retryAfterMs = Number.isFinite(waitMs) ? Math.ceil(waitMs) : RETRY_AFTER_MS;
  const message = `the service at platform.url cannot be asked: ${reason}`;
  return fail(new RuntimeError("platform.failed", message, { retryAfterMs }));
}

function crowded(asker: Asker): Result<never> {
  return failed(asker, `${WAITING_MAX} questions wait for it already`);
}
