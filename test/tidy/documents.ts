import { posix } from "node:path";
import type { Problem, Source } from "./source.ts";

const RECORD_PARTS = [
  /^# /m,
  /\bStatus\b/,
  /\bDate\b.*\d{4}-\d{2}-\d{2}/s,
  /^## Context/m,
  /^## Decision\b.*?\bWe /ms,
  /^## Alternatives/m,
  /^## Consequences/m,
];

/** Checks what documents say about files and scripts, and the form of decision records. */
export function checkDocuments(sources: readonly Source[]): Problem[] {
  const known = new Set(sources.flatMap(({ path }) => [path, ...foldersOf(path)]));
  const scripts = scriptsOf(sources);
  const documents = sources.filter(({ path }) => path.endsWith(".md"));
  return [
    ...documents.flatMap((document) => checkLinks(document, known)),
    ...documents.flatMap((document) => checkScripts(document, scripts)),
    ...checkRecords(documents),
  ];
}

/** A link without a scheme, or a file named between backticks, must exist. */
function checkLinks({ path, lines }: Source, known: ReadonlySet<string>): Problem[] {
  return lines.flatMap((text, index) => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
      .map(([, link]) => link!)
      .filter((link) => !/^([a-z]+:|\/)/.test(link))
      .map((link) => posix.join(posix.dirname(path), link));
    const named = [...text.matchAll(/`((?:src|test|bench|docs|examples|scripts)\/[\w./-]+)`/g)];
    const exists = (target: string): boolean => known.has(target.replace(/\/$/, ""));
    return [
      ...links.filter((link) => !exists(link)),
      ...named
        .map(([, name]) => name!)
        .filter((name) => !exists(name) && !exists(posix.join(posix.dirname(path), name))),
    ].map((found) => ({ path, line: index + 1, found, instead: "the name of a file there is" }));
  });
}

function checkScripts({ path, lines }: Source, scripts: ReadonlySet<string>): Problem[] {
  return lines.flatMap((text, index) =>
    [...text.matchAll(/\bnpm run ([\w:-]+)/g)]
      .filter(([, name]) => !scripts.has(name!))
      .map(([found]) => ({ path, line: index + 1, found, instead: "a script of package.json" })),
  );
}

function checkRecords(documents: readonly Source[]): Problem[] {
  const numbers = new Set<string>();
  return documents.flatMap(({ path, text }) => {
    const [, number] = /^docs\/decisions\/(\d{4})-[a-z0-9-]+\.md$/.exec(path) ?? [];
    if (!path.startsWith("docs/decisions/") || path.endsWith("/README.md")) return [];
    const tell = (found: string, instead: string): Problem => ({ path, line: 1, found, instead });
    if (number === undefined) return [tell("an odd name", "0001-words-like-this.md")];
    const isTaken = numbers.has(number);
    numbers.add(number);
    return [
      ...(isTaken ? [tell(`number ${number} again`, "the next free number")] : []),
      ...RECORD_PARTS.filter((part) => !part.test(text)).map((part) =>
        tell(
          `no ${part.source}`,
          "Title, Status, Date, Context, Decision (We ...), Alternatives, Consequences",
        ),
      ),
    ];
  });
}

function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function scriptsOf(sources: readonly Source[]): ReadonlySet<string> {
  const packages = sources.filter(({ path }) => posix.basename(path) === "package.json");
  const names = packages.flatMap(({ text }) => {
    const { scripts = {} } = JSON.parse(text) as { scripts?: Record<string, string> };
    return Object.keys(scripts);
  });
  return new Set(names);
}
