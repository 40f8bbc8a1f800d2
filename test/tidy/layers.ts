import { basename, dirname } from "node:path";
import type { Import, Problem, Source } from "./source.ts";

/** The interfaces that the core asks the outside world to implement. */
const PORTS =
  /^src\/(persistence\/ports\/[^/]+|providers\/provider|broker\/[^/]+|cluster\/[^/]+)\.ts$/;
const CORE = /^src\/core\//;
const KERNEL = /^src\/actors\/kernel\//;
const MESSAGES = /^src\/actors\/[^/]+\/messages\.ts$/;
/** No actor, but what those of both kinds of task have in common. */
const TASK = /^src\/actors\/task\//;

/** Which files may import which; a file may always import from its own folder. */
interface Layer {
  readonly of: RegExp;
  readonly imports: readonly RegExp[];
  /** What it may import with `import type` only. */
  readonly importsTypes: readonly RegExp[];
}

/** The first layer that matches a file counts. See architecture, "Folders". */
const LAYERS: readonly Layer[] = [
  // The composition root and the command line wire everything. The command line also measures
  // (`herald bench`), plays devices (`herald demo`) and tells its version.
  { of: /^src\/(main\.ts$|wiring\/)/, imports: [/^src\//], importsTypes: [] },
  {
    of: /^src\/cli\//,
    imports: [/^(src|bench|clients\/js\/src)\//, /^package\.json$/],
    importsTypes: [],
  },
  { of: CORE, imports: [CORE], importsTypes: [] },
  { of: KERNEL, imports: [CORE, KERNEL], importsTypes: [PORTS] },
  { of: /^src\/actors\//, imports: [CORE, KERNEL, MESSAGES, TASK], importsTypes: [PORTS] },
  // A gateway is given refs to actors; its own end of a conversation is an external ref.
  {
    of: /^src\/gateways\//,
    imports: [CORE, MESSAGES, /^src\/actors\/kernel\/external\.ts$/, /^src\/gateways\//],
    importsTypes: [KERNEL],
  },
  { of: /^src\/persistence\/ports\//, imports: [CORE], importsTypes: [] },
  // What two adapters share lies beside them, as `src/persistence/cursor.ts`.
  {
    of: /^src\/persistence\//,
    imports: [CORE, PORTS, /^src\/persistence\/[^/]+\.ts$/],
    importsTypes: [],
  },
  { of: /^src\/cluster\//, imports: [CORE, /^src\/cluster\/[^/]+\.ts$/], importsTypes: [KERNEL] },
  // The outbox keeps its messages in the same store as everything else.
  { of: /^src\/broker\//, imports: [CORE, /^src\/broker\/[^/]+\.ts$/], importsTypes: [PORTS] },
  // The push provider finds a member's sessions through the user actor.
  {
    of: /^src\/providers\//,
    imports: [CORE, MESSAGES, /^src\/providers\/[^/]+\.ts$/],
    importsTypes: [KERNEL, PORTS],
  },
  { of: /^src\//, imports: [CORE], importsTypes: [PORTS] },
];

/** Packages that one folder adapts, so that everything else could do without them. */
const VENDORS: Readonly<Record<string, RegExp>> = {
  nact: KERNEL,
  "uWebSockets.js": /^src\/gateways\/websocket\//,
  "node:sqlite": /^src\/persistence\/sqlite\//,
  mongodb: /^src\/persistence\/mongo\//,
  ioredis: /^src\/cluster\/redis\//,
  "node-zookeeper-client": /^src\/cluster\/zookeeper\//,
  amqplib: /^src\/broker\/rabbitmq\//,
  "amqp-connection-manager": /^src\/broker\/rabbitmq\//,
};

/** Node's own modules that compute and nothing else. */
const PURE_MODULES = /^node:(assert|assert\/strict|buffer|crypto|util)$/;

/** The one package in the vocabulary: it describes and checks what comes in, and does no more. */
const CORE_PACKAGES = /^zod$/;

export function checkLayers(sources: readonly Source[]): Problem[] {
  return eachImport(sources, (source, { target, typeOnly }) => {
    const layer = LAYERS.find(({ of }) => of.test(source.path));
    if (target === undefined || layer === undefined) return undefined;
    const { imports, importsTypes } = layer;
    const allows = (patterns: readonly RegExp[]): boolean => patterns.some((it) => it.test(target));
    if (isSameFolder(source.path, target)) return undefined;
    if (allows(imports) || (typeOnly && allows(importsTypes))) return undefined;
    if (allows(importsTypes)) return "import type: the value is passed in";
    if (!target.startsWith("src/")) return "nothing from outside of src/";
    return "a message, a port, or an argument that main.ts passes in";
  });
}

/** The folder of a concept (`src/persistence/sqlite`) with all below it, or one layer's top. */
function isSameFolder(path: string, target: string): boolean {
  const concept = path.split("/").slice(0, 3);
  if (concept.length === 3 && concept[2] !== basename(path)) {
    return target.startsWith(`${concept.join("/")}/`);
  }
  return dirname(path) === dirname(target) && dirname(path) !== "src";
}

export function checkActorImports(sources: readonly Source[]): Problem[] {
  return eachImport(sources, ({ path }, { specifier, target }) => {
    if (!CORE.test(path) && !path.startsWith("src/actors/")) return undefined;
    if (target !== undefined || PURE_MODULES.test(specifier)) return undefined;
    if (CORE.test(path)) {
      return CORE_PACKAGES.test(specifier) ? undefined : "a port that an adapter implements";
    }
    if (KERNEL.test(path) && specifier === "nact") return undefined;
    return "ctx.perform with a port that an adapter implements";
  });
}

export function checkVendors(sources: readonly Source[]): Problem[] {
  return eachImport(sources, ({ path }, { specifier }) => {
    const [, vendor] =
      Object.entries(VENDORS).find(([name]) => `${specifier}/`.startsWith(`${name}/`)) ?? [];
    if (vendor === undefined || vendor.test(path)) return undefined;
    return `what ${vendor.source.replace(/\\|\^/g, "")} exports`;
  });
}

/** Messages may name each other's types, as two actors that talk must. */
export function checkCycles(sources: readonly Source[]): Problem[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const edges = ({ path, imports }: Source): Import[] =>
    imports.filter(({ target, typeOnly }) => {
      if (target === undefined || !byPath.has(target)) return false;
      return !(typeOnly && MESSAGES.test(path) && MESSAGES.test(target));
    });

  const problems: Problem[] = [];
  const finished = new Set<string>();
  const visit = (source: Source, trail: readonly string[]): void => {
    if (finished.has(source.path)) return;
    const here = [...trail, source.path];
    for (const { target, line } of edges(source)) {
      const start = here.indexOf(target!);
      if (start < 0) visit(byPath.get(target!)!, here);
      else {
        const found = `a cycle: ${[...here.slice(start), target].join(" -> ")}`;
        const instead = "a third file that both import";
        problems.push({ path: source.path, line, found, instead });
      }
    }
    finished.add(source.path);
  };
  for (const source of sources) visit(source, []);
  return problems;
}

/** Asks of every import inside `src/` what should be there instead; undefined if it is right. */
function eachImport(
  sources: readonly Source[],
  judge: (source: Source, it: Import) => string | undefined,
): Problem[] {
  return sources
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap((source) =>
      source.imports.flatMap((it) => {
        const instead = judge(source, it);
        if (instead === undefined) return [];
        const found = `an import of ${it.target ?? it.specifier}`;
        return [{ path: source.path, line: it.line, found, instead }];
      }),
    );
}
