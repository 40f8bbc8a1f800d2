import { z } from "zod";
import { type ConfigLeaf, configLeaves, configSchema } from "../../src/core/config.ts";

/** What a JSON Schema says about one value. */
interface ValueSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxItems?: number;
  readonly items?: { readonly properties?: Readonly<Record<string, unknown>> };
  readonly properties?: Readonly<Record<string, unknown>>;
}

interface SectionsSchema {
  readonly properties: Readonly<
    Record<string, { readonly properties: Readonly<Record<string, ValueSchema>> }>
  >;
}

const INTRODUCTION = `# Configuration

<!-- Made from src/core/config.ts by \`npm run docs\`. Do not edit. -->

Herald runs without any configuration. What you want otherwise goes into one YAML file, and single
values into environment variables:

1. every value has a default;
2. the file overrides defaults: the one given by \`--config\`, else the one that \`HERALD_CONFIG\`
   names, else \`herald.yaml\` in the current folder if it is there;
3. a variable overrides the file: \`listen.port\` is \`HERALD_LISTEN_PORT\`;
4. \`herald start --port\` and \`--data\` override both.

It is read once, at the start, and as a whole: a misspelled name, a value out of its range and a
variable that starts with \`HERALD_\` and is not on this page are all reported together, each with
its path, and nothing is started. Check it beforehand:

\`\`\`sh
./herald check-config herald.yaml     # exit code 0 when it is valid, 1 with every problem
\`\`\`

Relative paths are relative to the folder in which the command runs. Durations are whole
milliseconds and end in \`Ms\`, sizes are bytes. In a variable, a number is written in digits, a
boolean as \`true\` or \`false\`, a list or an object as JSON.

Some variables are not configuration. \`HERALD_CONFIG\` names the file. \`HERALD_URL\` and
\`HERALD_TOKEN\` tell the commands that talk to a running node where it is and what lets them in.
\`HERALD_CREDENTIAL\`, \`HERALD_PROVISIONING_ID\` and \`HERALD_PROVISIONING_SECRET\` are for the
devices in \`examples/\`.

## Example

\`\`\`yaml
node:
  name: herald-1
  dataDir: /var/lib/herald
listen:
  host: 127.0.0.1
  port: 9010
auth:
  issuer: accounts.example.com
websocket:
  connectionsPerAddress: 50000 # behind a proxy all devices come from one address
shutdown:
  deadlineMs: 20000
\`\`\`

Keep \`auth.secret\` out of the file: set \`HERALD_AUTH_SECRET\` from where you keep secrets.
`;

/** The text of `docs/configuration.md`. */
export function configurationPage(): string {
  const { properties } = z.toJSONSchema(configSchema, { io: "input" }) as unknown as SectionsSchema;
  const leaves = configLeaves();
  const sections = Object.keys(properties).map((section) => {
    const rows = leaves
      .filter(({ path }) => path[0] === section)
      .map((leaf) => rowOf(leaf, properties[section]?.properties[leaf.path[1] ?? ""] ?? {}));
    return [
      `## ${section}`,
      "",
      "| Value | Variable | What it may be | Default | Meaning |",
      "|---|---|---|---|---|",
      ...rows,
    ].join("\n");
  });
  return `${[INTRODUCTION, ...sections.map((section) => `${section}\n`)].join("\n")}`;
}

function rowOf({ path, variable }: ConfigLeaf, schema: ValueSchema): string {
  const fallback =
    schema.default === undefined ? "not set" : `\`${textOf(schema.default, schema.type)}\``;
  const cells = [
    `\`${path.join(".")}\``,
    `\`${variable}\``,
    rangeOf(schema),
    fallback,
    schema.description ?? "",
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function rangeOf(schema: ValueSchema): string {
  const { type, minimum, maximum, minLength, maxItems, pattern, items } = schema;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(", ");
  switch (type) {
    case "integer":
      return `${textOf(minimum ?? 0, type)} to ${textOf(maximum ?? "", type)}`;
    case "boolean":
      return "`true`, `false`";
    case "array":
      return `up to ${maxItems} of ${items === undefined ? "text" : rangeOf(items)}`;
    case "object":
      return `{ ${Object.keys(schema.properties ?? {}).join(", ")} }`;
    default:
      if (pattern !== undefined) return `text matching \`${pattern}\``;
      return minLength === undefined || minLength < 2 ? "text" : `text, ${minLength} or longer`;
  }
}

/** Numbers as they are written in YAML, without separators. */
function textOf(value: unknown, type: string | undefined): string {
  return type === "string" ? String(value) : JSON.stringify(value);
}
