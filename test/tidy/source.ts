import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { parseSync } from "oxc-parser";

/** A node of the syntax tree: its kind, where it is, and fields that depend on the kind. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** One place where a file names another module. */
export interface Import {
  /** The module as written: `./a.ts`, `node:fs`, `zod`. */
  readonly specifier: string;
  /** The file meant, from the root, if the specifier is relative. */
  readonly target: string | undefined;
  /** True if nothing of it exists at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** A text file of the repository; code has a syntax tree, anything else has none. */
export interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly nodes: readonly Node[];
  readonly imports: readonly Import[];
  /** The number of the line that an offset into the text is on, from 1. */
  lineAt(offset: number): number;
}

/** One violation: where, what was found, and what to do instead. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly found: string;
  readonly instead: string;
}

const FOLDERS_IGNORED = new Set([".cache", ".git", "coverage", "data", "dist", "node_modules"]);
const FILE_BYTES_MAX = 1_000_000;

/** Reads every text file below a folder, except what is generated or not ours. */
export function readSources(root: string): Source[] {
  const paths = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      if (FOLDERS_IGNORED.has(entry.name)) return [];
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) return paths(path);
      return entry.isFile() && statSync(join(root, path)).size <= FILE_BYTES_MAX ? [path] : [];
    });
  return paths("")
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
    .filter(({ text }) => !text.includes("\0"))
    .map(({ path, text }) => toSource(path, text));
}

/** Parses a file. Code that does not parse is an error here: nothing could be said about it. */
export function toSource(path: string, text: string): Source {
  const lines = text.split("\n");
  const lineAt = (offset: number): number => text.slice(0, offset).split("\n").length;
  if (!isCode(path)) return { path, text, lines, nodes: [], imports: [], lineAt };

  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const nodes: Node[] = [];
  collect(program, nodes);
  const imports = nodes.flatMap((node) => importOf(path, node, lineAt));
  return { path, text, lines, nodes, imports, lineAt };
}

export function isCode(path: string): boolean {
  return /\.(ts|tsx|js|mjs|jsx)$/.test(path);
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** Writes a chain of names as text: `globalThis.process.env` is `process.env`. */
export function dotted(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Identifier") return String(node["name"]);
  if (node.type === "ChainExpression") return dotted(node["expression"]);
  if (node.type === "MetaProperty") return "import.meta";
  if (node.type !== "MemberExpression") return undefined;
  const object = dotted(node["object"]);
  const property = node["property"];
  const name =
    isNode(property) && property.type === "Literal" ? property["value"] : dotted(property);
  if (node["computed"] === true && typeof name !== "string") return undefined;
  if (object === undefined) return `?.${String(name)}`;
  return object === "globalThis" ? String(name) : `${object}.${String(name)}`;
}

function collect(value: unknown, into: Node[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, into);
  } else if (isNode(value)) {
    into.push(value);
    for (const field of Object.values(value)) {
      if (typeof field === "object" && field !== null) collect(field, into);
    }
  }
}

function importOf(path: string, node: Node, lineAt: (offset: number) => number): Import[] {
  const found = moduleNamedBy(node);
  if (found === undefined) return [];
  const { specifier, typeOnly } = found;
  const isRelative = specifier.startsWith(".");
  const target = isRelative ? posix.join(dirname(path), specifier) : undefined;
  return [{ specifier, target, typeOnly, line: lineAt(node.start) }];
}

type Named = { specifier: string; typeOnly: boolean } | undefined;

function moduleNamedBy(node: Node): Named {
  switch (node.type) {
    case "ImportDeclaration":
      return literal(node["source"], node["importKind"] === "type");
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return literal(node["source"], node["exportKind"] === "type");
    case "ImportExpression":
      return literal(node["source"], false);
    case "TSImportType":
      return literal(node["source"] ?? node["argument"], true);
    case "CallExpression":
      return /^(require(\.resolve)?|import\.meta\.resolve)$/.test(dotted(node["callee"]) ?? "")
        ? literal(firstArgument(node), false)
        : undefined;
    case "NewExpression":
      return workerFile(node);
    default:
      return undefined;
  }
}

/** `new URL("./worker.ts", import.meta.url)` is how a file names the program of a thread. */
function workerFile(node: Node): Named {
  const file = literal(firstArgument(node), false);
  const isCodeFile = file !== undefined && /^\..*\.ts$/.test(file.specifier);
  return dotted(node["callee"]) === "URL" && isCodeFile ? file : undefined;
}

function firstArgument(node: Node): unknown {
  return (node["arguments"] as unknown[])[0];
}

function literal(node: unknown, typeOnly: boolean): Named {
  if (!isNode(node)) return undefined;
  if (node.type === "TSLiteralType") return literal(node["literal"], typeOnly);
  if (node.type !== "Literal" || typeof node["value"] !== "string") return undefined;
  return { specifier: node["value"], typeOnly };
}
