import type { Documents } from "./api.ts";
import { docsPage, landingPage, STYLE_HASH } from "./docs-page.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { openApiOf } from "./openapi.ts";
import type { Route } from "./route.ts";

const NO_CONTENT = "default-src 'none'; frame-ancestors 'none'";

/** The caller's own id of a request, if it is harmless to print; otherwise it gets one of ours. */
export function requestIdOf(exchange: Exchange): string | undefined {
  const given = exchange.headers.get("x-request-id");
  return given !== undefined && /^[\w.:/=+-]{1,128}$/.test(given) ? given : undefined;
}

/** Adds what every answer carries: its request's id, and what browsers must not do with it. */
export function withSafety(answer: Answer, requestId: string, route: Route | undefined): Answer {
  const isPage = answer.headers["content-type"]?.startsWith("text/html") === true;
  return {
    ...answer,
    headers: {
      ...answer.headers,
      "x-request-id": requestId,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": route?.kind === "text" ? "no-cache" : "no-store",
      "content-security-policy": isPage ? policyOf(route) : NO_CONTENT,
    },
  };
}

function policyOf(route: Route | undefined): string {
  const own = route?.kind === "text" ? route.policy : undefined;
  return own ?? `${NO_CONTENT}; style-src '${STYLE_HASH}'`;
}

/** The documents of a route table; they are the same as long as the program is. */
export function documentsOf(routes: readonly Route[]): Documents {
  const api = openApiOf(routes);
  return {
    openApi: JSON.stringify(api, null, 2),
    docs: docsPage(routes, api),
    landing: landingPage(),
  };
}
