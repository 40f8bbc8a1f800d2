import { exampleOf } from "./describe.ts";
import { type OpenApi, refTo } from "./openapi.ts";
import type { Route } from "./route.ts";
import { requestSchemas } from "./schemas.ts";

/** Command lines for a route that work on a fresh node but for ids; one per type of body. */
export function curlOf(route: Route, api: OpenApi): string {
  const head = [
    ...(route.kind === "events" ? ["--no-buffer"] : []),
    ...(route.role === "none" ? [] : [`-H "Authorization: Bearer $HERALD_TOKEN"`]),
    ...(route.method === "POST" ? [`-H "Idempotency-Key: $(uuidgen)"`] : []),
  ];
  if (route.kind !== "json" || route.body === undefined) return command(route, "", head);
  const example = JSON.stringify(exampleOf(refTo(requestSchemas, route.body), api));
  const json = [...head, `-H "Content-Type: application/json"`, `-d '${example}'`];
  const { upload } = route;
  if (upload === undefined) return command(route, "", json);
  // `-T` streams the file, where `--data-binary` would read it into memory first.
  const file = [...head, `-H "Content-Type: ${upload.mediaTypes[0]}"`, `-T ${upload.example.file}`];
  return `${command(route, "", json)}\n\n${command(route, upload.example.query, file)}`;
}

function command({ method, path }: Route, query: string, options: readonly string[]): string {
  const verb = method === "GET" ? "" : `-X ${method} `;
  return [`curl ${verb}"$HERALD_URL${path}${query}"`, ...options].join(" \\\n  ");
}
