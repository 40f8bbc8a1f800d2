import { checkDocuments } from "./documents.ts";
import { checkActorImports, checkCycles, checkLayers, checkVendors } from "./layers.ts";
import type { Node, Problem, Source } from "./source.ts";
import { dotted, isCode, isNode } from "./source.ts";

/** Something that must hold for the whole repository. The name is a sentence that is true. */
export interface Rule {
  readonly name: string;
  check(sources: readonly Source[]): Problem[];
}

const FILE_LINES_MAX = 400;
const TEST_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 100;

/** What is banned inside `src/`, and the files that are the reason why it is banned elsewhere. */
interface Ban {
  readonly what: RegExp;
  readonly modules: RegExp;
  readonly instead: string;
  readonly except: RegExp;
}

/** The edges of the program: they start it, talk to a terminal, or measure it from outside. */
const EDGES = String.raw`main\.ts|cli/.*`;

const BANS: readonly Ban[] = [
  {
    // The clock port is where the real clock is.
    what: /^(Date\.now|(new )?Date\(\)|performance\.now|process\.hrtime(\.bigint)?)$/,
    modules: /^node:perf_hooks$/,
    instead: "ctx.now() in a behavior, the Clock port elsewhere",
    except: new RegExp(`^src/(${EDGES}|core/clock\\.ts)$`),
  },
  {
    // The kernel's scheduler hands turns to the event loop; what an addon's callback may not do
    // waits for it, too. Nothing else may.
    what: /^set(Timeout|Interval|Immediate)$/,
    modules: /^node:timers(\/promises)?$/,
    instead: "ctx.setTimer in a behavior, clock.after elsewhere",
    except: new RegExp(
      `^src/(${EDGES}|core/clock\\.ts|actors/kernel/scheduler\\.ts|gateways/websocket/uws\\.ts)$`,
    ),
  },
  {
    // The random port is where real chance is.
    what: /^(Math\.random|(.*\.)?randomUUID)$/,
    modules: /^$/,
    instead: "ctx.random() in a behavior, the Random and NewId ports elsewhere",
    except: new RegExp(`^src/(${EDGES}|core/random\\.ts)$`),
  },
  {
    what: /^process\.env$/,
    modules: /^(node:)?process$/,
    instead: "a value of Config, passed down from main.ts",
    except: new RegExp(`^src/(${EDGES})$`),
  },
  {
    what: /^console$/,
    modules: /^(node:)?console$/,
    instead: "the Logger port",
    except: new RegExp(`^src/(${EDGES})$`),
  },
];

export const RULES: readonly Rule[] = [
  { name: "imports follow the layers", check: checkLayers },
  { name: "actors and core import nothing that does input or output", check: checkActorImports },
  { name: "a vendor is imported only by its adapter", check: checkVendors },
  { name: "imports form no cycle", check: checkCycles },
  { name: "time, chance, environment and console are used only at the edge", check: checkBans },
  { name: "syntax can be erased: no enum, namespace or decorator", check: checkSyntax },
  { name: "an export names what it exports, and where it lives", check: checkBarrels },
  { name: "files are short", check: checkFileLength },
  { name: "lines are short", check: checkLineLength },
  { name: "functions are short", check: checkFunctionLength },
  { name: "names are in kebab-case", check: checkNames },
  { name: "nothing is left to do in the code", check: checkLeftovers },
  { name: "no file names a path of one machine", check: checkMachinePaths },
  { name: "the lockfile names no registry", check: checkLockfile },
  { name: "no test is skipped or run alone", check: checkFocusedTests },
  { name: "documents are in step with the files and scripts they name", check: checkDocuments },
];

function checkBans(sources: readonly Source[]): Problem[] {
  return sources.filter(inSource).flatMap((source) =>
    BANS.filter(({ except }) => !except.test(source.path)).flatMap(({ what, modules, instead }) => [
      ...namesUsed(source)
        .filter(({ name }) => what.test(name))
        .map(({ name, at }) => problem(source, at, name, instead)),
      ...source.imports
        .filter(({ specifier, typeOnly }) => modules.test(specifier) && !typeOnly)
        .map(({ specifier, line }) => ({ path: source.path, line, found: specifier, instead })),
    ]),
  );
}

/** Every name or chain of names that is evaluated; not keys, not what a type only describes. */
function namesUsed(source: Source): { name: string; at: number }[] {
  const notEvaluated = new Set<unknown>();
  for (const node of source.nodes) {
    if (node["computed"] !== true) notEvaluated.add(node["key"]).add(node["property"]);
    if (node.type === "TSTypeQuery") notEvaluated.add(node["exprName"]);
  }
  return source.nodes
    .filter((node) => !notEvaluated.has(node))
    .flatMap((node) => {
      const name = dateMade(node) ?? dotted(node);
      const names = name === undefined ? takenApart(node) : [name];
      return names.map((it) => ({ name: it, at: node.start }));
    });
}

/** `const { env } = process` uses `process.env`. */
function takenApart(node: Node): string[] {
  const pattern = node["id"];
  const object = node.type === "VariableDeclarator" ? dotted(node["init"]) : undefined;
  if (object === undefined || !isNode(pattern) || pattern.type !== "ObjectPattern") return [];
  return (pattern["properties"] as Node[]).map(({ key }) =>
    `${object}.${dotted(key) ?? "?"}`.replace(/^globalThis\./, ""),
  );
}

/** `new Date(at)` only converts; without an argument it reads the clock. */
function dateMade(node: Node): string | undefined {
  if (!/^(New|Call)Expression$/.test(node.type) || dotted(node["callee"]) !== "Date") return;
  if (node.type === "CallExpression") return "Date()";
  return (node["arguments"] as unknown[]).length === 0 ? "new Date()" : undefined;
}

function checkSyntax(sources: readonly Source[]): Problem[] {
  const instead: Readonly<Record<string, string>> = {
    TSEnumDeclaration: "a union of string literals or an `as const` object",
    TSModuleDeclaration: "a module",
    TSParameterProperty: "a field and an assignment",
    TSExportAssignment: "export { name }",
    TSImportEqualsDeclaration: "import { name } from",
    Decorator: "a function call",
  };
  const isAmbient = (node: Node): boolean =>
    node.type === "TSModuleDeclaration" &&
    node["declare"] === true &&
    (node["kind"] === "global" || (isNode(node["id"]) && node["id"].type === "Literal"));
  return sources.flatMap((source) =>
    source.nodes
      .filter((node) => node.type in instead && !isAmbient(node))
      .map((node) => problem(source, node.start, node.type, instead[node.type]!)),
  );
}

function checkBarrels(sources: readonly Source[]): Problem[] {
  const stars = sources.flatMap((source) =>
    source.nodes
      .filter(({ type }) => type === "ExportAllDeclaration")
      .map((node) => problem(source, node.start, "export *", "an import from where it lives")),
  );
  const barrels = sources
    .filter((source) => inSource(source) && /(^|\/)index\.[a-z]+$/.test(source.path))
    .map((source) => problem(source, 0, "an index file", "a file named after what it holds"));
  return [...stars, ...barrels];
}

function checkFileLength(sources: readonly Source[]): Problem[] {
  return sources
    .filter(({ path }) => isCode(path))
    .flatMap((source) => {
      const max = isTest(source) ? TEST_LINES_MAX : FILE_LINES_MAX;
      const count = source.lines.length - (source.text.endsWith("\n") ? 1 : 0);
      if (count <= max) return [];
      const found = `${count} lines in one file`;
      return [{ path: source.path, line: max + 1, found, instead: "two files of one idea each" }];
    });
}

function checkLineLength(sources: readonly Source[]): Problem[] {
  return sources
    .filter(({ path }) => isCode(path))
    .flatMap(({ path, lines }) =>
      lines.flatMap((line, index) => {
        const columns = line.length > COLUMNS_MAX ? [...line].length : 0;
        if (columns <= COLUMNS_MAX) return [];
        return [{ path, line: index + 1, found: `${columns} columns`, instead: "a shorter line" }];
      }),
    );
}

/** Counts from the first line of the signature to the closing brace, inner functions included. */
function checkFunctionLength(sources: readonly Source[]): Problem[] {
  const isFunction = ({ type }: Node): boolean =>
    /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(type);
  return sources
    .filter((source) => !isTest(source))
    .flatMap((source) =>
      source.nodes.filter(isFunction).flatMap((node) => {
        const count = source.text.slice(node.start, node.end).split("\n").length;
        if (count <= FUNCTION_LINES_MAX) return [];
        const found = `a function of ${count} lines`;
        return [
          problem(source, node.start, found, `at most ${FUNCTION_LINES_MAX}: name its parts`),
        ];
      }),
    );
}

function checkNames(sources: readonly Source[]): Problem[] {
  const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
  return sources
    .filter(({ path }) => isCode(path))
    .flatMap((source) =>
      source.path
        .split("/")
        .filter((name) => !kebab.test(name))
        .map((name) => problem(source, 0, name, "a name in kebab-case")),
    );
}

/** Spelled in two parts, so that this file does not find itself. */
const LEFTOVER = new RegExp(`\\b(${["TO", "FIX"].join("DO|")}ME)\\b`);

function checkLeftovers(sources: readonly Source[]): Problem[] {
  const instead = "the work itself, or a decision record that says why not";
  return matchLines(
    sources.filter(({ path }) => !path.endsWith(".md")),
    LEFTOVER,
    instead,
  );
}

/** An absolute path below a home or a workspace; not a part of a longer path or an address. */
const MACHINE_PATH = /(?<![\w.$}*~-])(\/(work|home|root|Users)\/|[A-Z]:\\+Users\\+)[\w.-]+/;

function checkMachinePaths(sources: readonly Source[]): Problem[] {
  return matchLines(sources, MACHINE_PATH, "a path relative to the file or to os.tmpdir()");
}

function checkLockfile(sources: readonly Source[]): Problem[] {
  const files = sources.filter(({ path }) => /^(package-lock\.json|\.npmrc)$/.test(path));
  const instead = "no address: npm install with omit-lockfile-registry-resolved=true";
  return matchLines(files, /"resolved":|registry\s*=\s*http/, instead);
}

function checkFocusedTests(sources: readonly Source[]): Problem[] {
  const focused = /^(test|it|describe|suite|bench)(\.\w+)*\.(only|skip|todo)$/;
  return sources.filter(isTest).flatMap((source) =>
    source.nodes
      .map((node) => ({ name: dotted(node) ?? "", at: node.start }))
      .filter(({ name }) => focused.test(name))
      .map(({ name, at }) => problem(source, at, name, "a test that runs, or none")),
  );
}

function matchLines(sources: readonly Source[], pattern: RegExp, instead: string): Problem[] {
  return sources.flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => {
      const found = pattern.exec(text)?.[0];
      return found === undefined ? [] : [{ path, line: index + 1, found, instead }];
    }),
  );
}

function problem(source: Source, offset: number, found: string, instead: string): Problem {
  return { path: source.path, line: source.lineAt(offset), found, instead };
}

function inSource({ path }: Source): boolean {
  return path.startsWith("src/");
}

function isTest({ path }: Source): boolean {
  return /(^|\/)test\//.test(path);
}
