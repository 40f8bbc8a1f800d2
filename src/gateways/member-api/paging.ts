import type { PullSource } from "../../actors/collect/messages.ts";
import { RuntimeError } from "../../core/errors.ts";
import { fieldOf } from "./field.ts";

const CURSOR_LENGTH_MAX = 4_096;

/** The address of a page; `cursor` is what the page before it said, and empty for the first. */
export function pageUrl(source: PullSource, cursor: string): URL {
  const { paging, pageSize, sizeParam } = source;
  const url = new URL(paging.type === "link" && cursor !== "" ? cursor : source.url);
  // A link that the API has made says everything itself.
  if (paging.type === "link" && cursor !== "") return url;
  if (pageSize > 0) url.searchParams.set(sizeParam, String(pageSize));
  switch (paging.type) {
    case "cursor":
      if (cursor !== "") url.searchParams.set(paging.param, cursor);
      return url;
    case "offset":
      url.searchParams.set(paging.param, cursor === "" ? "0" : cursor);
      return url;
    case "page":
      url.searchParams.set(paging.param, cursor === "" ? String(paging.first) : cursor);
      return url;
    case "link":
      return url;
  }
}

/** What a page has told of the one after it. */
interface Told {
  readonly answer: unknown;
  /** Members on this page. */
  readonly count: number;
  /** The header `Link`. */
  readonly link: string | null;
}

/**
 * Where the next page is; undefined when this was the last.
 *
 * @throws RuntimeError `pull.refused` when what it says leads nowhere, or elsewhere.
 */
export function nextPage(source: PullSource, cursor: string, told: Told): string | undefined {
  const { paging } = source;
  switch (paging.type) {
    case "cursor":
      return readCursor(fieldOf(told.answer, paging.next), paging.next);
    case "offset":
      return told.count === 0 ? undefined : String(Number(cursor) + told.count);
    case "page": {
      const page = cursor === "" ? paging.first : Number(cursor);
      return told.count === 0 ? undefined : String(page + 1);
    }
    case "link":
      return readLink(told.link, source);
  }
}

function readCursor(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === "" || value === false) return undefined;
  const isCursor = typeof value === "string" || Number.isSafeInteger(value);
  if (isCursor && String(value).length <= CURSOR_LENGTH_MAX) return String(value);
  const expected = `a text or number of at most ${CURSOR_LENGTH_MAX} characters`;
  throw new RuntimeError("pull.refused", `the answer's field ${field} is not ${expected}`);
}

/** @see https://www.rfc-editor.org/rfc/rfc8288#section-3 */
function readLink(header: string | null, { url }: PullSource): string | undefined {
  for (const link of header?.split(/,(?=\s*<)/) ?? []) {
    const [, target, params] = /^\s*<([^>]*)>(.*)$/.exec(link) ?? [];
    if (target === undefined || !/;\s*rel="?([^"]*\s)?next(\s[^"]*)?"?/i.test(params ?? ""))
      continue;
    const next = URL.canParse(target, url) ? new URL(target, url) : undefined;
    if (next?.origin === new URL(url).origin) return next.href;
    throw new RuntimeError("pull.refused", "its header Link leads to another origin");
  }
  return undefined;
}
