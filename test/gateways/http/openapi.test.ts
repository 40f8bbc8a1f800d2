import assert from "node:assert/strict";
import { test } from "vitest";
import { curlOf } from "../../../src/gateways/http/curl.ts";
import { exampleOf } from "../../../src/gateways/http/describe.ts";
import { documentsOf } from "../../../src/gateways/http/headers.ts";
import {
  type JsonSchema,
  type OpenApi,
  openApiOf,
  refTo,
} from "../../../src/gateways/http/openapi.ts";
import { paramsOf, queryOf } from "../../../src/gateways/http/route.ts";
import { ROUTES } from "../../../src/gateways/http/routes.ts";
import { requestSchemas } from "../../../src/gateways/http/schemas.ts";

const api = JSON.parse(documentsOf(ROUTES).openApi) as OpenApi;
const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Every object and list inside a document, with where it is. */
function* parts(value: unknown, at = "#"): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== "object" || value === null) return;
  yield [at, value as Record<string, unknown>];
  for (const [key, inner] of Object.entries(value)) yield* parts(inner, `${at}/${key}`);
}

test("the document is the same every time and says what it is", () => {
  assert.deepEqual(openApiOf(ROUTES), api);
  assert.equal(api.openapi, "3.1.0");
  assert.ok(api.info["title"] && api.info["version"]);
});

test("every route of the table is in the document, once, and nothing else", () => {
  const table = ROUTES.map(({ method, path }) => `${method.toLowerCase()} ${path}`).sort();
  assert.equal(new Set(table).size, table.length);
  assert.deepEqual(operations.map(({ method, path }) => `${method} ${path}`).sort(), table);
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
});

test("every reference leads to something", () => {
  let references = 0;
  for (const [at, { $ref }] of parts(api)) {
    if (typeof $ref !== "string") continue;
    references += 1;
    const target = $ref
      .split("/")
      .slice(1)
      .reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], api);
    assert.ok(target, `${at} refers to ${$ref}`);
  }
  assert.ok(references > 30);
});

test("every parameter of a path is declared, and no other", () => {
  for (const { path, operation } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = operation.parameters.filter((it) => it.in === "path");
    assert.deepEqual(
      declared.map(({ name }) => name),
      inPath,
      path,
    );
    assert.ok(declared.every(({ required }) => required));
    const names = operation.parameters.map((it) => `${it.in} ${it.name}`);
    assert.equal(new Set(names).size, names.length);
  }
});

test("every operation has an answer, the error, and a scheme of security that exists", () => {
  const schemes = Object.keys(api.components.securitySchemes);
  for (const { path, method, operation } of operations) {
    const statuses = Object.keys(operation.responses);
    assert.ok(statuses.includes("default"), path);
    assert.ok(
      statuses.some((status) => /^20[01]$/.test(status)),
      path,
    );
    assert.ok(operation.security.every((it) => Object.keys(it).every((s) => schemes.includes(s))));
    const takesKey = operation.parameters.some(({ name }) => name === "Idempotency-Key");
    assert.equal(takesKey, method === "post", `${method} ${path}`);
  }
});

test("every schema uses words of JSON Schema only, in the way they are meant", () => {
  const types = ["string", "integer", "number", "boolean", "array", "object", "null"];
  const check = (at: string, schema: JsonSchema): void => {
    for (const type of [schema.type ?? []].flat()) assert.ok(types.includes(type), `${at} ${type}`);
    const properties = Object.keys(schema.properties ?? {});
    for (const name of schema.required ?? []) assert.ok(properties.includes(name), `${at}.${name}`);
    if (schema.type === "array") assert.ok(schema.items, at);
    assert.ok(!("$schema" in schema) && !("$id" in schema), at);
  };
  for (const [at, part] of parts(api.components.schemas)) {
    if (/\/(properties|required|enum|schemas)$/.test(at)) continue;
    check(at, part as JsonSchema);
  }
});

test("requests refuse unknown fields and answers may grow", () => {
  const { NewCampaign, Campaign } = api.components.schemas;
  assert.equal(NewCampaign?.additionalProperties, false);
  assert.equal(Campaign?.additionalProperties, undefined);
  assert.deepEqual(NewCampaign?.required, ["name", "audience", "payload"]);
  assert.equal(NewCampaign?.properties?.["rate"]?.default, 0);
});

test("the example of every request is one that the route takes", () => {
  for (const route of ROUTES) {
    if (route.kind !== "json" || route.body === undefined) continue;
    const example = exampleOf(refTo(requestSchemas, route.body), api);
    const { error } = route.body.safeParse(example);
    assert.equal(error, undefined, `${route.path}: ${JSON.stringify(example)} ${error}`);
  }
});

test("the example of every path and query is one that the route takes", () => {
  for (const route of ROUTES) {
    const url = new URL(/"\$HERALD_URL(.*?)"/.exec(curlOf(route, api))![1]!, "http://node");
    const { error } = queryOf(route).safeParse(Object.fromEntries(url.searchParams));
    assert.equal(error, undefined, `${url} ${error}`);
    const pattern = route.path.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)");
    const params = new RegExp(`^${pattern}$`).exec(decodeURI(url.pathname))?.groups ?? {};
    const wrong = paramsOf(route).safeParse({ ...params }).error;
    assert.equal(wrong, undefined, `${url} ${wrong}`);
  }
});

test("the example of whatever has a name of its own works as it is", () => {
  for (const route of ROUTES.filter(({ tag }) => ["Relations", "Topics", "Uploads"].includes(tag)))
    assert.doesNotMatch(curlOf(route, api), /HERALD_URL[^"]*[{}]/);
});

test("the page has every route with an example, and nothing from elsewhere", () => {
  const { docs, landing } = documentsOf(ROUTES);
  for (const route of ROUTES) {
    const { method, path } = route;
    assert.ok(docs.includes(`<code>${method} ${path}</code>`), `${method} ${path}`);
    const [url] = /"\$HERALD_URL.*?"/.exec(curlOf(route, api))!;
    assert.ok(docs.includes(url.replaceAll('"', "&quot;")), url);
  }
  for (const page of [docs, landing]) {
    assert.doesNotMatch(page, /<script|<link|<img|src=|url\(|@import|="?https?:\/\//);
    assert.doesNotMatch(page, /undefined|\[object/);
  }
});
