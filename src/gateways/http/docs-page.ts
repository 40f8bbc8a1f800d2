import { createHash } from "node:crypto";
import { ERRORS } from "../../core/errors.ts";
import { curlOf } from "./curl.ts";
import { type Field, fieldsOf, nameOf, typeOf } from "./describe.ts";
import { type JsonSchema, type OpenApi, parameterSchema, refTo } from "./openapi.ts";
import { paramsOf, queryOf, type Route } from "./route.ts";
import { answerSchemas, requestSchemas } from "./schemas.ts";

const CSS = `
:root{color-scheme:light dark;--line:light-dark(#ddd,#383838);--dim:light-dark(#666,#999);
--code:light-dark(#f4f4f2,#242424);--link:light-dark(#0b57d0,#8ab4f8)}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:2rem 1rem;
background:light-dark(#fff,#181818);color:light-dark(#1b1b1b,#e6e6e6)}
a{color:var(--link)}h1{font-size:1.8rem}h2{margin-top:3rem;border-bottom:1px solid var(--line)}
h3{margin:2.2rem 0 .3rem;font-size:1.05rem;overflow-wrap:anywhere}
code,pre{font:14px/1.45 ui-monospace,monospace;background:var(--code);border-radius:4px}
code{padding:.1em .3em}pre{padding:.8rem;overflow-x:auto}pre code{padding:0}
table{border-collapse:collapse;width:100%;margin:.6rem 0}caption{text-align:left;color:var(--dim)}
td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;
border-top:1px solid var(--line)}.dim{color:var(--dim)}nav ul{columns:2;padding-left:1.2rem}
@media(max-width:40rem){nav ul{columns:1}}`;

/** What the header Content-Security-Policy must allow for the pages: this one style, no more. */
export const STYLE_HASH = `sha256-${createHash("sha256").update(CSS).digest("base64")}`;

/** The whole API on one page, without anything fetched from elsewhere. */
export function docsPage(routes: readonly Route[], api: OpenApi): string {
  const tags = api.tags.map(({ name }) => name);
  const links = routes.map((it) => `<li><a href="#${anchor(it)}">${title(it)}</a></li>`);
  const groups = tags.map((tag) => {
    const own = routes.filter((route) => route.tag === tag);
    return `<h2>${tag}</h2>${own.map((route) => section(route, api)).join("")}`;
  });
  const body = `<h1>Herald admin API</h1>
<p>Send <code>Authorization: Bearer hat_...</code>. Roles: <code>admin</code> may do everything,
<code>operator</code> runs campaigns and sends, <code>viewer</code> looks. Every POST takes an
<code>Idempotency-Key</code>. Lists are paged: give <code>next</code> as <code>after</code>.
Machines read <a href="/openapi.json">/openapi.json</a>.</p>
<nav><ul>${links.join("")}</ul></nav>
${groups.join("\n")}
<h2>Answers</h2>${answers(routes, api)}
<h2>Errors</h2>
<p>Every error has one shape:</p>${table(fieldsOf(errorSchema(api), api))}${errorTable()}`;
  return html("Herald admin API", body);
}

/** The page at the root: where everything else is. */
export function landingPage(): string {
  return html(
    "Herald",
    `<h1>Herald</h1><p>This node is running.</p><ul>
<li><a href="/docs">/docs</a>: the admin API to read</li>
<li><a href="/openapi.json">/openapi.json</a>: the same for machines</li>
<li><a href="/healthz">/healthz</a> and <a href="/readyz">/readyz</a>: does it live, can it work
</li><li><a href="/status">/status</a>: what it does, for people</li>
<li><a href="/metrics">/metrics</a>: figures for Prometheus</li>
<li><code>/v1/connect</code>: the WebSocket of devices</li></ul>`,
  );
}

function section(route: Route, api: OpenApi): string {
  const { role, details, summary } = route;
  const needs = role === "none" ? "No token." : `Role: <code>${role}</code>.`;
  return `<h3 id="${anchor(route)}"><code>${title(route)}</code></h3>
<p>${text(summary)}. <span class="dim">${needs}</span></p>
${details === undefined ? "" : `<p>${text(details)}</p>`}
${table(fieldsOf(parameterSchema(paramsOf(route)), api), "In the path")}
${table(fieldsOf(parameterSchema(queryOf(route)), api), "In the query")}
${bodyOf(route, api)}
<p>Answers ${answerOf(route)}.</p>
<pre><code>${text(curlOf(route, api))}</code></pre>`;
}

function bodyOf(route: Route, api: OpenApi): string {
  if (route.kind !== "json" || route.body === undefined) return "";
  const { upload } = route;
  const also =
    upload === undefined
      ? ""
      : `<p>Or a body of ${types(upload.mediaTypes)}. ${text(upload.details)}</p>`;
  return table(fieldsOf(refTo(requestSchemas, route.body), api), "In the body (JSON)") + also;
}

function answerOf(route: Route): string {
  switch (route.kind) {
    case "json": {
      const schema = refTo(answerSchemas, route.answer);
      return `${route.status ?? 200} with ${linked(nameOf(schema) ?? typeOf(schema))}`;
    }
    case "events": {
      const names = Object.keys(route.events).map((name) => `<code>${name}</code>`);
      return `server-sent events ${names.join(", ")}`;
    }
    case "download":
      return route.mediaTypes.map((type) => `<code>${type.split(";")[0]}</code>`).join(" or ");
    case "text":
      return `<code>${route.mediaType.split(";")[0]}</code>`;
  }
}

function linked(name: string): string {
  return `<a href="#answer-${name}">${name}</a>`;
}

function answers(routes: readonly Route[], api: OpenApi): string {
  const requests = new Set(
    routes.map((it) => (it.kind === "json" && it.body ? requestSchemas.get(it.body)?.id : "")),
  );
  return Object.entries(api.components.schemas)
    .filter(([, schema]) => schema.type === "object")
    .filter(([name]) => !requests.has(name))
    .map(([name, schema]) => `<h3 id="answer-${name}">${name}</h3>${table(fieldsOf(schema, api))}`)
    .join("");
}

function errorSchema(api: OpenApi): JsonSchema {
  return api.components.schemas["Error"]?.properties?.["error"] ?? {};
}

function errorTable(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, retryable, advice }]) =>
      `<tr><td><code>${code}</code></td><td>${status}</td><td>${retryable ? "yes" : "no"}</td>
<td>${text(advice)}</td></tr>`,
  );
  return `<table><tr><th>Code</th><th>Status</th><th>Retry</th><th>What to do</th></tr>
${rows.join("")}</table>`;
}

function table(fields: readonly Field[], caption?: string): string {
  if (fields.length === 0) return "";
  const rows = fields.map(({ name, type, isRequired, default: fallback, description }) => {
    const state = isRequired ? "required" : fallback === undefined ? "" : `default ${fallback}`;
    return `<tr><td><code>${name}</code></td><td>${text(type)}</td><td>${text(state)}</td>
<td>${text(description)}</td></tr>`;
  });
  const head = caption === undefined ? "" : `<caption>${caption}</caption>`;
  return `<table>${head}${rows.join("")}</table>`;
}

function title({ method, path }: Route): string {
  return `${method} ${path}`;
}

function anchor({ method, path }: Route): string {
  return `${method.toLowerCase()}${path.replace(/[^a-z0-9]+/gi, "-")}`.replace(/-$/, "");
}

/** Escapes for HTML; text between backticks becomes code. */
function text(value: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return value.replace(/[&<>"]/g, (it) => entities[it]!).replace(/`([^`]+)`/g, "<code>$1</code>");
}

function html(name: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${name}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>${CSS}</style></head>
<body>${body}</body></html>`;
}

function types(mediaTypes: readonly string[]): string {
  return mediaTypes.map((type) => `<code>${type}</code>`).join(" or ");
}
