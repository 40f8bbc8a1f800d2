import { z } from "zod";
import { outboxSection, platformSection } from "./config-backend.ts";
import { classicSection } from "./config-classic.ts";
import { loginSection, presenceSection } from "./config-devices.ts";
import { providersSection } from "./config-providers.ts";
import { topicsSection } from "./config-topics.ts";
import { udpSection } from "./config-udp.ts";
import { websocketSection } from "./config-websocket.ts";
import { type Problem, RuntimeError } from "./errors.ts";
import { isAttributeName } from "./member-rules.ts";
import { describeProblems, problemsOf } from "./problems.ts";

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

const DAY_MS = 86_400_000;

/**
 * Everything an operator can tune. `docs/configuration.md` is made from it.
 *
 * Every leaf has a default and can be overridden by an environment variable: `listen.port` by
 * `HERALD_LISTEN_PORT`, `websocket.frameBytesMax` by `HERALD_WEBSOCKET_FRAME_BYTES_MAX`.
 */
export const configSchema = z.strictObject({
  node: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/)
        .default("herald")
        .describe("Name of this node in logs, refs and metrics."),
      dataDir: z.string().min(1).default("./data").describe("Folder of everything that it keeps."),
    })
    .prefault({}),
  listen: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
      port: int(0, 65_535, 9010, "Port of HTTP and WebSocket; 0 takes a free one."),
      certFile: z.string().min(1).optional().describe("Certificates (PEM). With it: HTTPS, WSS."),
      keyFile: z.string().min(1).optional().describe("The private key of the first (PEM)."),
    })
    .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
      path: ["keyFile"],
      message: "both or neither of certFile and keyFile",
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error", "silent"])
        .default("info")
        .describe("The least important level that is written."),
    })
    .prefault({}),
  auth: z
    .strictObject({
      secret: z
        .string()
        .min(32)
        .optional()
        .describe("Shared secret of device tokens (HS256). Without it one is made and kept."),
      publicKeys: z
        .array(z.strictObject({ kid: z.string().min(1).max(64), pem: z.string().min(1) }))
        .max(16)
        .default([])
        .describe("Ed25519 public keys (SPKI, PEM) of those who mint device tokens (EdDSA)."),
      issuer: z.string().min(1).optional().describe("What a device token must say as `iss`."),
      audience: z.string().min(1).optional().describe("What a device token must say as `aud`."),
    })
    .prefault({}),
  websocket: websocketSection,
  session: z
    .strictObject({
      graceMs: int(0, DAY_MS, 60_000, "How long a session outlives its connection."),
      retainedMax: int(1, 100_000, 1000, "Pushes that a session keeps until they are confirmed."),
      retainedBytesMax: int(
        1024,
        1_073_741_824,
        16_777_216,
        "Bytes of their payloads after which further ones wait in the inbox.",
      ),
    })
    .prefault({}),
  login: loginSection,
  presence: presenceSection,
  inbox: z
    .strictObject({
      perUserMax: int(1, 1_000_000, 1000, "Messages that wait for one user; the oldest go first."),
      perUserBytesMax: int(
        1024,
        1_073_741_824,
        16_777_216,
        "Bytes of their payloads; the oldest go first, and the newest stays whatever its size.",
      ),
      keyTtlMs: int(60_000, 365 * DAY_MS, DAY_MS, "How long ids of settled messages are kept."),
    })
    .prefault({}),
  topics: topicsSection,
  outbox: outboxSection,
  platform: platformSection,
  udp: udpSection,
  classic: classicSection,
  members: z
    .strictObject({
      indexed: z
        .array(z.string().refine(isAttributeName, "a name of letters, digits, _ . -"))
        .max(32)
        .default([])
        .describe("Attributes of members that conditions often ask for: each gets an index."),
      seenEveryMs: int(0, DAY_MS, 300_000, "How exact `lastSeenAt` is; 0: devices do not move it."),
    })
    .prefault({}),
  pull: z
    .strictObject({
      origins: z
        .array(z.string().refine(isOrigin, "an origin, as https://members.example.com"))
        .max(64)
        .default([])
        .describe("Member APIs that audiences may be pulled from; without any, none may be."),
    })
    .prefault({}),
  campaign: z
    .strictObject({
      leaseMs: int(500, 600_000, 4000, "Lease of a worker on a page."),
      receiptWaitMs: int(100, 600_000, 10_000, "What is in doubt waits so long for its receipt."),
    })
    .prefault({}),
  providers: providersSection,
  compat: z
    .strictObject({
      push: z
        .boolean()
        .default(false)
        .describe("Serve the 21 routes of the push system of old; see docs/push-compat.md."),
      provider: z.string().min(1).max(64).default("session").describe("What those send through."),
      topic: z
        .string()
        .min(1)
        .max(128)
        .default("campaign")
        .describe("What devices see them under."),
    })
    .prefault({}),
  http: z
    .strictObject({
      bodyBytesMax: int(1024, 104_857_600, 1_048_576, "Largest JSON body, in bytes."),
      csvBytesMax: int(1024, 1e12, 10_737_418_240, "Largest CSV upload, in bytes."),
      requestsMax: int(1, 100_000, 256, "Requests in work at once."),
      metricsPublic: z.boolean().default(true).describe("Whether /metrics needs no token."),
      statusPublic: z.boolean().default(false).describe("Whether /v1/status needs no token."),
    })
    .prefault({}),
  store: z
    .strictObject({
      synchronous: z
        .enum(["normal", "full"])
        .default("normal")
        .describe("`normal` survives kill -9; `full` also the loss of power, at a cost."),
    })
    .prefault({}),
  shutdown: z
    .strictObject({
      deadlineMs: int(100, 600_000, 10_000, "How long a graceful stop may take."),
    })
    .prefault({}),
});

/** The configuration, whole and valid. Read once at the start, passed down as values. */
export type Config = z.infer<typeof configSchema>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Not configuration: where it is, how the CLI reaches a node, what devices of `examples/` need. */
const RESERVED_VARIABLES: readonly string[] = [
  ...["HERALD_CONFIG", "HERALD_URL", "HERALD_TOKEN"],
  ...["HERALD_CREDENTIAL", "HERALD_PROVISIONING_ID", "HERALD_PROVISIONING_SECRET"],
];

/** One value of the configuration: its path and the variable that overrides it. */
export interface ConfigLeaf {
  readonly path: readonly string[];
  readonly variable: string;
  readonly type: "number" | "boolean" | "string" | "json";
}

/**
 * Reads a configuration from a parsed file and the environment, reporting all problems at once.
 *
 * @throws RuntimeError `config.invalid` with one problem per bad value or unknown name.
 */
export function parseConfig(document: unknown, env: Environment): Config {
  const problems: Problem[] = [];
  const input = toSections(document, problems);
  const sources = new Map<string, string>();
  const leaves = new Map(configLeaves().map((leaf) => [leaf.variable, leaf]));
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith("HERALD_") || text === undefined) continue;
    if (RESERVED_VARIABLES.includes(variable)) continue;
    const leaf = leaves.get(variable);
    if (leaf === undefined) {
      // Its value may be a secret under a misspelled name.
      const got = "a value that is not shown";
      problems.push({ path: variable, expected: "a variable of docs/configuration.md", got });
      continue;
    }
    sources.set(leaf.path.join("."), variable);
    assign(input, leaf, text);
  }
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) problems.push(...problemsOf(parsed.error, input));
  if (problems.length > 0) throw invalid(problems, sources);
  return Object.freeze(parsed.data as Config);
}

/** Every value of the configuration, in the order of the reference page. */
export function configLeaves(): ConfigLeaf[] {
  return Object.entries(configSchema.shape).flatMap(([section, schema]) =>
    Object.entries(schema.unwrap().shape).map(([name, leaf]) => ({
      path: [section, name],
      variable: `HERALD_${upper(section)}_${upper(name)}`,
      type: typeOf(leaf as z.ZodType),
    })),
  );
}

function toSections(document: unknown, problems: Problem[]): Record<string, unknown> {
  if (document === null || document === undefined) return {};
  if (typeof document === "object" && !Array.isArray(document)) {
    return structuredClone(document) as Record<string, unknown>;
  }
  problems.push({ path: "", expected: "sections with values", got: JSON.stringify(document) });
  return {};
}

function assign(input: Record<string, unknown>, leaf: ConfigLeaf, text: string): void {
  const [section, name] = leaf.path as [string, string];
  const present = input[section];
  const values = typeof present === "object" && present !== null ? present : {};
  input[section] = { ...values, [name]: parseValue(leaf, text) };
}

function parseValue(leaf: ConfigLeaf, text: string): unknown {
  switch (leaf.type) {
    case "number":
      return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "json":
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
    case "string":
      return text;
  }
}

function typeOf(schema: z.ZodType): ConfigLeaf["type"] {
  const type = (z.toJSONSchema(schema, { io: "input" }) as { type?: string }).type;
  if (type === "integer" || type === "number") return "number";
  if (type === "boolean") return "boolean";
  return type === "array" || type === "object" ? "json" : "string";
}

function upper(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Says where a bad value came from when it came from the environment. Hides secrets. */
function invalid(problems: Problem[], sources: ReadonlyMap<string, string>): RuntimeError {
  const told = problems.map((problem) => {
    const variable = sources.get(problem.path);
    const isSecret = /secret|pem|privateKey/i.test(problem.path) || problem.got.includes("whsec_");
    const got = isSecret ? "a value that is not shown" : problem.got;
    return { ...problem, got, path: variable ? `${problem.path} (${variable})` : problem.path };
  });
  return new RuntimeError("config.invalid", describeProblems(told), { problems: told });
}

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
