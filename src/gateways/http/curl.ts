import { exampleOf } from "./describe.ts";
import { type JsonSchema, type OpenApi, parameterSchema, refTo } from "./openapi.ts";
import { paramsOf, queryOf, type Route } from "./route.ts";
import { requestSchemas } from "./schemas.ts";

/** Command lines for a route that work as they are, but for ids that Herald makes; one per body. */
export function curlOf(route: Route, api: OpenApi): string {
  const head = [
    ...(route.kind === "events" ? ["--no-buffer"] : []),
    ...(route.role === "none" ? [] : [`-H "Authorization: Bearer $HERALD_TOKEN"`]),
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

function command(route: Route, query: string, options: readonly string[]): string {
  const verb = route.method === "GET" ? "" : `-X ${route.method} `;
  const url = `${pathOf(route)}${query === "" ? neededQueryOf(route) : query}`;
  return [`curl ${verb}"$HERALD_URL${url}"`, ...options].join(" \\\n  ");
}

/** The path with examples of its parameters; an id that only Herald can know stays in braces. */
function pathOf(route: Route): string {
  const { properties = {} } = parameterSchema(paramsOf(route));
  return route.path.replace(/\{(\w+)\}/g, (braced, name) => sampleOf(properties[name]) ?? braced);
}

function neededQueryOf(route: Route): string {
  const { properties = {}, required = [] } = parameterSchema(queryOf(route));
  const needed = required.filter((name) => properties[name]?.default === undefined);
  const pairs = needed.map((name) => `${name}=${sampleOf(properties[name]) ?? `{${name}}`}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function sampleOf(schema: JsonSchema | undefined): string | undefined {
  const sample = schema?.examples?.[0] ?? schema?.enum?.[0];
  return sample === undefined ? undefined : String(sample);
}
