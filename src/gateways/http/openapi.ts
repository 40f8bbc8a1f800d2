import { z } from "zod";
import { ERRORS } from "../../core/errors.ts";
import { paramsOf, queryOf, type Route, type Schema } from "./route.ts";
import { answerSchemas, errorBody, requestSchemas } from "./schemas.ts";

/** A JSON Schema, as far as we look into it. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** The parts of an OpenAPI 3.1 document that we write. */
export interface OpenApi {
  readonly openapi: "3.1.0";
  readonly info: Readonly<Record<string, unknown>>;
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
    readonly responses: Readonly<Record<string, unknown>>;
  };
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

const VERSION = "1.0.0";

/** The document of a route table, the same for the same table. */
export function openApiOf(routes: readonly Route[]): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Herald admin API",
      version: VERSION,
      description:
        "Every change needs a token with a role and is recorded. Errors have one shape. " +
        "POST requests take an Idempotency-Key. Lists are paged by `after` and `limit`. " +
        "A change without a request body here takes none, or an empty object.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { ...schemasOf(requestSchemas, "input"), ...schemasOf(answerSchemas, "output") },
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "An API token: `hat_...`." },
      },
      responses: {
        Error: {
          description: `An error: ${Object.keys(ERRORS).length} codes, listed by \`/v1/errors\`.`,
          headers: {
            "Retry-After": { schema: { type: "integer" }, description: "Seconds to wait." },
          },
          content: { "application/json": { schema: refTo(answerSchemas, errorBody) } },
        },
      },
    },
  };
}

function operation(route: Route): Operation {
  const { method, tag, role, summary } = route;
  const needs = role === "none" ? "Needs no token." : `Needs the role ${role}.`;
  const description = [route.details, needs].filter((it) => it !== undefined).join("\n\n");
  const body = requestBody(route);
  return {
    operationId: operationId(route),
    tags: [tag],
    summary,
    description,
    parameters: [
      ...parametersOf(paramsOf(route), "path"),
      ...parametersOf(queryOf(route), "query"),
      ...(method === "POST" ? [IDEMPOTENCY_KEY] : []),
    ],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      [route.kind === "json" ? (route.status ?? 200) : 200]: {
        description: "Done.",
        content: answerContent(route),
      },
      default: { $ref: "#/components/responses/Error" },
    },
    security: role === "none" ? [] : [{ token: [] }],
  };
}

const IDEMPOTENCY_KEY: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Of your choice, 1 to 200 visible characters. A repeated request with it is not done " +
    "again: it gets the first one's answer, with the header Idempotency-Replayed.",
  schema: { type: "string", minLength: 1, maxLength: 200 },
};

/** A page may have the path of what it shows, without the version. */
function operationId(route: Route): string {
  const { method, path } = route;
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "" && word !== "v1");
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
  const isPage = route.kind === "text" && route.mediaType.startsWith("text/html");
  return `${method.toLowerCase()}${name}${isPage ? "Page" : ""}`;
}

/** The schema of what is in a path or query, as an object. */
export function parameterSchema(schema: Schema): JsonSchema {
  return jsonSchemaOf(schema, "input");
}

function parametersOf(schema: Schema, where: "path" | "query"): Parameter[] {
  const { properties = {}, required = [] } = parameterSchema(schema);
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function requestBody(route: Route): Operation["requestBody"] {
  if (route.kind !== "json" || route.body === undefined) return undefined;
  const json = { schema: refTo(requestSchemas, route.body) };
  const { upload } = route;
  const text = { schema: { type: "string", description: upload?.details ?? "" } };
  return {
    required: !route.body.safeParse({}).success,
    content: {
      "application/json": json,
      ...(upload === undefined
        ? {}
        : Object.fromEntries(upload.mediaTypes.map((it) => [it, text]))),
    },
  };
}

function answerContent(route: Route): Content {
  switch (route.kind) {
    case "json":
      return { "application/json": { schema: refTo(answerSchemas, route.answer) } };
    case "events": {
      const names = Object.keys(route.events).join("`, `");
      const description = `Server-sent events: \`${names}\`. The data of each is JSON.`;
      return { "text/event-stream": { schema: { type: "string", description } } };
    }
    case "download":
      return Object.fromEntries(
        route.mediaTypes.map((type) => [type, { schema: { type: "string" } }]),
      );
    case "text":
      return { [route.mediaType]: { schema: { type: "string" } } };
  }
}

type Registry = typeof requestSchemas;

/** A reference to a component; a schema without a name is written out. */
export function refTo(registry: Registry, schema: Schema): JsonSchema {
  const named = registry.get(schema as z.ZodType);
  if (named !== undefined) return { $ref: `#/components/schemas/${named.id}` };
  return jsonSchemaOf(schema, registry === requestSchemas ? "input" : "output");
}

function schemasOf(registry: Registry, io: "input" | "output"): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(schemas)
      .filter(([id]) => id !== "__shared")
      .map(([id, schema]) => [id, clean(schema, io)]),
  );
}

function jsonSchemaOf(schema: Schema, io: "input" | "output"): JsonSchema {
  return clean(z.toJSONSchema(schema, { io }), io);
}

/** Answers may get new fields without notice, so their schemas do not forbid any. */
function clean(schema: unknown, io: "input" | "output"): JsonSchema {
  const drop = new Set(["$schema", "$id", ...(io === "output" ? ["additionalProperties"] : [])]);
  const text = JSON.stringify(schema, (key, value: unknown) =>
    drop.has(key) && typeof value !== "object" ? undefined : value,
  );
  return JSON.parse(text) as JsonSchema;
}
