import type { JsonSchema, OpenApi } from "./openapi.ts";

/** One field of a request or answer, as both documents for people list it. */
export interface Field {
  readonly name: string;
  /** As `text, 1 to 200 long` or `list of Audience`. */
  readonly type: string;
  readonly isRequired: boolean;
  readonly default: string | undefined;
  readonly description: string;
}

const REF = "#/components/schemas/";

/** The fields of an object; of alternatives, those of all of them. */
export function fieldsOf(schema: JsonSchema, api: OpenApi): Field[] {
  const target = resolve(schema, api);
  const alternatives = target.oneOf ?? target.anyOf;
  if (alternatives !== undefined) return alternatives.flatMap((it) => fieldsOf(it, api));
  return Object.entries(target.properties ?? {}).map(([name, field]) => ({
    name,
    type: typeOf(field),
    isRequired: target.required?.includes(name) === true && field.default === undefined,
    default: field.default === undefined ? undefined : JSON.stringify(field.default),
    description: field.description ?? "",
  }));
}

/** The component that a schema refers to, if it does. */
export function nameOf({ $ref }: JsonSchema): string | undefined {
  return $ref?.startsWith(REF) === true ? $ref.slice(REF.length) : undefined;
}

/** Follows a reference to a component. */
export function resolve(schema: JsonSchema, api: OpenApi): JsonSchema {
  const name = nameOf(schema);
  return name === undefined ? schema : (api.components.schemas[name] ?? {});
}

/** What a value looks like, in a few words. */
export function typeOf(schema: JsonSchema): string {
  const name = nameOf(schema);
  if (name !== undefined) return name;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((it) => JSON.stringify(it)).join(" | ");
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternatives.map(typeOf).join(" | ");
  if (Array.isArray(schema.type)) {
    return schema.type.map((type: string) => typeOf({ ...schema, type })).join(" | ");
  }
  switch (schema.type) {
    case "string":
      return `text${range(schema.minLength, schema.maxLength, " long")}`;
    case "integer":
      return `integer${range(schema.minimum, schema.maximum, "")}`;
    case "number":
      return "number";
    case "boolean":
      return "true | false";
    case "null":
      return "null";
    case "array":
      return `list of ${typeOf(schema.items ?? {})}${range(schema.minItems, schema.maxItems, "")}`;
    case "object":
      return objectType(schema);
    default:
      return "any JSON";
  }
}

function objectType({ properties, additionalProperties }: JsonSchema): string {
  if (properties !== undefined) return `{${Object.keys(properties).join(", ")}}`;
  const values =
    typeof additionalProperties === "object" ? typeOf(additionalProperties) : "any JSON";
  return `object of ${values}`;
}

function range(min: number | undefined, max: number | undefined, unit: string): string {
  const isBounded = max !== undefined && max < Number.MAX_SAFE_INTEGER;
  if (min !== undefined && isBounded) return `, ${min} to ${max}${unit}`;
  if (isBounded) return `, at most ${max}${unit}`;
  return "";
}

/** A request body that fits a schema: required fields, with plausible values. */
export function exampleOf(schema: JsonSchema, api: OpenApi): unknown {
  const target = resolve(schema, api);
  if (target.examples !== undefined) return target.examples[0];
  if (target.const !== undefined) return target.const;
  if (target.enum !== undefined) return target.enum[0];
  const alternative = (target.oneOf ?? target.anyOf)?.[0];
  if (alternative !== undefined) return exampleOf(alternative, api);
  switch (target.type) {
    case "string":
      return "text";
    case "integer":
    case "number":
      return Math.max(target.minimum ?? 0, Math.min(60_000, target.maximum ?? 60_000));
    case "boolean":
      return true;
    case "array":
      return [exampleOf(target.items ?? {}, api)];
    case "object":
      return Object.fromEntries(
        Object.entries(target.properties ?? {})
          .filter(([name]) => target.required?.includes(name))
          .map(([name, field]) => [name, exampleOf(field, api)]),
      );
    default:
      return { text: "hello" };
  }
}
