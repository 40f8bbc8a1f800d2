import type { MemberApi, MemberPage, PullSource } from "../../actors/collect/messages.ts";
import type { Clock } from "../../core/clock.ts";
import { RuntimeError } from "../../core/errors.ts";
import { fieldOf } from "./field.ts";
import { nextPage, pageUrl } from "./paging.ts";
import { retryAfterMs } from "./retry-after.ts";

/** Largest answer that is read, in bytes: one page is in memory as a whole. */
const PAGE_BYTES_MAX = 33_554_432;

export interface FetchOptions {
  /** The origins that may be called, as `https://members.example.com`; no other ever is. */
  readonly origins: readonly string[];
  readonly clock: Clock;
  /** Default 32 MiB. */
  readonly pageBytesMax?: number;
}

/**
 * Member APIs over HTTP.
 *
 * Whoever may make audiences can have this node send requests, so it only sends them to origins
 * that its configuration names, and follows no redirect.
 */
export function fetchMemberApi(options: FetchOptions): MemberApi {
  const check = (source: PullSource): void => mustBeNamed(source, options);
  return {
    check,
    page: async (source, cursor, signal) => {
      // The configuration may have changed since the audience was made.
      check(source);
      const { timeoutMs } = source;
      const late = new AbortController();
      const cancel = options.clock.after(timeoutMs, () => late.abort());
      try {
        return await ask(source, cursor, options, AbortSignal.any([signal, late.signal]));
      } catch (error) {
        if (error instanceof RuntimeError) throw error;
        const why = late.signal.aborted ? `no whole answer in ${timeoutMs} ms` : reasonOf(error);
        throw new RuntimeError("pull.failed", why, { cause: error });
      } finally {
        cancel();
      }
    },
  };
}

/** @throws RuntimeError `pull.refused`. */
function mustBeNamed({ url }: PullSource, { origins }: FetchOptions): void {
  const { origin, username, password } = new URL(url);
  if (username !== "" || password !== "") {
    throw new RuntimeError("pull.refused", "credentials belong into a header, not into the url");
  }
  if (origins.includes(origin)) return;
  throw new RuntimeError("pull.refused", `${origin} is not in the setting pull.origins`);
}

async function ask(
  source: PullSource,
  cursor: string,
  { clock, pageBytesMax = PAGE_BYTES_MAX }: FetchOptions,
  signal: AbortSignal,
): Promise<MemberPage> {
  const response = await fetch(pageUrl(source, cursor), {
    headers: { accept: "application/json", ...source.headers },
    redirect: "manual",
    signal,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw statusError(response, clock.now());
  }
  const answer = parse(await readBody(response, pageBytesMax));
  const items = source.items === "" ? answer : fieldOf(answer, source.items);
  if (!Array.isArray(items)) {
    const where = source.items === "" ? "the answer" : `the answer's field ${source.items}`;
    throw new RuntimeError("pull.refused", `${where} is no list`);
  }
  const told = { answer, count: items.length, link: response.headers.get("link") };
  return { items, next: nextPage(source, cursor, told) };
}

function statusError({ status, headers }: Response, now: number): RuntimeError {
  if (status >= 300 && status < 400) {
    const message = `it answers ${status}, and redirects are not followed`;
    return new RuntimeError("pull.refused", message);
  }
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  const message = `it answers ${status}`;
  if (!mayPass) return new RuntimeError("pull.refused", message);
  const wait = retryAfterMs(headers.get("retry-after"), now);
  return new RuntimeError("pull.failed", message, wait === undefined ? {} : { retryAfterMs: wait });
}

async function readBody(response: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) {
      const message = `its answer has more than ${bytesMax} bytes: ask for smaller pages`;
      throw new RuntimeError("pull.refused", message);
    }
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RuntimeError("pull.failed", "its answer is no JSON, or not whole", { cause });
  }
}

/** Why a connection failed, which `fetch` tells as the cause of an error that says nothing. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  const code = (cause as { readonly code?: unknown } | null)?.code;
  if (typeof code === "string") return `the connection failed: ${code}`;
  return `the connection failed: ${cause instanceof Error ? cause.message : String(cause)}`;
}
