import { curlOf } from "../../src/gateways/http/curl.ts";
import { type Field, fieldsOf, nameOf, typeOf } from "../../src/gateways/http/describe.ts";
import {
  type OpenApi,
  openApiOf,
  parameterSchema,
  refTo,
} from "../../src/gateways/http/openapi.ts";
import { paramsOf, queryOf, type Route } from "../../src/gateways/http/route.ts";
import { ROUTES } from "../../src/gateways/http/routes.ts";
import { answerSchemas, requestSchemas } from "../../src/gateways/http/schemas.ts";

const INTRODUCTION = `# The admin API

<!-- Made from the route table in src/gateways/http by \`npm run docs\`. Do not edit. -->

JSON over HTTP, on the node's one port. A running node serves this page at \`/docs\` and, as an
OpenAPI 3.1 document, at \`/openapi.json\`.

## Rules for every request

- **Token.** \`Authorization: Bearer hat_...\`. A first start prints one for an admin;
  \`POST /v1/tokens\` makes others. The store has only their hashes. Roles: \`admin\` may do
  everything, \`operator\` runs campaigns and sends, \`viewer\` looks.
- **Bodies** are JSON in UTF-8, \`Content-Type: application/json\`, at most \`http.bodyBytesMax\`.
  Unknown fields are refused by name; a change without a body here takes none, or \`{}\`. Instants
  are milliseconds since the Unix epoch, durations milliseconds.
- **Idempotency.** Every POST takes \`Idempotency-Key\`, 1 to 200 visible characters, remembered for
  24 hours per token, method and path, also over restarts. A repeated request gets the first one's
  answer with \`Idempotency-Replayed: true\`; with another content it is refused with
  \`http.idempotency-mismatch\`, while the first is in work with \`http.idempotency-running\`. An
  error that may pass gives the key back. Answers that hold a secret are repeated without it. A node
  that dies before it has answered does the repeated request anew, but makes nothing twice: what it
  sends, and audiences, campaigns, their runs and API tokens get ids from the key. So an API token
  that nobody has been shown is answered with \`token: null\`: revoke it, and make another with
  another key. Credentials of devices are not kept: it is another one, as good as the first. A
  board's secret is rotated once more. Of an upload to \`/v1/audiences\` the content is not compared
  then; an import that was interrupted is done anew, as another audience.
- **Pages.** Lists take \`limit\` (1 to 1000, default 100) and \`after\`; give \`next\` of one page
  as \`after\` of the next. No \`next\`: it was the last.
- **Errors** have one shape and a code of the [error table](errors.md). All that is wrong with a
  request is reported at once. \`Retry-After\` comes with what is worth trying again.
- **Request ids.** \`X-Request-Id\` is taken over if it is 1 to 128 harmless characters, otherwise
  one is made. It is in the answer, the log and the audit record.
- **Audit.** Every change is recorded with who, what and its outcome, refused ones too; see
  \`/v1/audit\`. Changes tried without a valid token are recorded up to 60 per minute.
- **Load.** Over \`http.requestsMax\` requests in work the node answers \`gateway.busy\`, and a
  stopping one \`node.draining\`.

The examples below want \`HERALD_URL\` (\`http://127.0.0.1:9010\`) and \`HERALD_TOKEN\` (as in
\`data/admin-token\`). Where a call may be made twice, add \`-H "Idempotency-Key: order-17"\`,
one per change. What is in braces, or a file, is yours to put in.
`;

/** The readable reference of all routes, for those who have no node at hand. */
export function httpApiPage(): string {
  const api = openApiOf(ROUTES);
  const groups = api.tags.map(({ name }) =>
    [
      `## ${name}`,
      ...ROUTES.filter(({ tag }) => tag === name).map((route) => section(route, api)),
    ].join("\n\n"),
  );
  return `${[INTRODUCTION.trimEnd(), ...groups, answers(api)].join("\n\n")}\n`;
}

function section(route: Route, api: OpenApi): string {
  const { method, path, role, summary, details } = route;
  const needs = role === "none" ? "No token." : `Role: \`${role}\`.`;
  return [
    `### ${method} ${path}`,
    `${summary}. ${needs}`,
    details,
    table("In the path", fieldsOf(parameterSchema(paramsOf(route)), api)),
    table("In the query", fieldsOf(parameterSchema(queryOf(route)), api)),
    ...bodyOf(route, api),
    `Answers ${answerOf(route)}.`,
    `\`\`\`sh\n${curlOf(route, api)}\n\`\`\``,
  ]
    .filter((part) => part !== undefined && part !== "")
    .join("\n\n");
}

function bodyOf(route: Route, api: OpenApi): string[] {
  if (route.kind !== "json" || route.body === undefined) return [];
  const { upload } = route;
  const fields = table("In the body", fieldsOf(refTo(requestSchemas, route.body), api));
  if (upload === undefined) return [fields];
  return [fields, `Or a body of \`${upload.mediaTypes.join("` or `")}\`. ${upload.details}`];
}

function answerOf(route: Route): string {
  switch (route.kind) {
    case "json": {
      const schema = refTo(answerSchemas, route.answer);
      const name = nameOf(schema) ?? typeOf(schema);
      return `${route.status ?? 200} with [${name}](#${name.toLowerCase()})`;
    }
    case "events": {
      const names = Object.keys(route.events).map((name) => `\`${name}\``);
      return `server-sent events: ${names.join(", ")}`;
    }
    case "download":
      return route.mediaTypes.map((type) => `\`${type.split(";")[0]}\``).join(" or ");
    case "text":
      return `\`${route.mediaType.split(";")[0]}\``;
  }
}

function answers(api: OpenApi): string {
  const isAnswer = (name: string): boolean =>
    !ROUTES.some((it) => it.kind === "json" && it.body && requestSchemas.get(it.body)?.id === name);
  const parts = Object.entries(api.components.schemas)
    .filter(([name, schema]) => schema.type === "object" && isAnswer(name))
    .map(([name, schema]) => `### ${name}\n\n${table("Field", fieldsOf(schema, api))}`);
  return ["## Answers", ...parts].join("\n\n");
}

function table(title: string, fields: readonly Field[]): string {
  if (fields.length === 0) return "";
  const rows = fields.map(({ name, type, isRequired, default: fallback, description }) => {
    const state = isRequired ? "required" : fallback === undefined ? "" : `default \`${fallback}\``;
    return `| \`${name}\` | ${cell(type)} | ${state} | ${cell(description)} |`;
  });
  return [`| ${title} | Type | | Meaning |`, "|---|---|---|---|", ...rows].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
