import { ERRORS, type Problem, toRuntimeError } from "../core/errors.ts";

/** Prints a result: the object itself with `--json`, otherwise what `human` makes of it. */
export function print<T>(json: boolean, value: T, human: (value: T) => string): void {
  process.stdout.write(`${json ? JSON.stringify(value) : human(value)}\n`);
}

/** Aligned `name  value` lines. */
export function fields(pairs: Readonly<Record<string, string | number | boolean>>): string {
  const width = Math.max(...Object.keys(pairs).map((name) => name.length));
  return Object.entries(pairs)
    .map(([name, value]) => `  ${name.padEnd(width)}  ${display(value)}`)
    .join("\n");
}

/** A table with a header; columns as wide as their longest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [header, ...rows].map(line).join("\n");
}

/** Whole numbers with thin separators, so that millions can be read. */
export function display(value: string | number | boolean): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : String(value);
}

/** An instant in UTC, to the second; `never` for 0. */
export function instant(at: number): string {
  return at === 0 ? "never" : `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** `1h 2m`, `3m 4s`, `5.6 s`; `?` when it cannot be said. */
export function duration(ms: number): string {
  if (ms < 0) return "?";
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}m ${Math.floor((ms % 60_000) / 1000)}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** Prints what went wrong and what to do next, on the error stream. */
export function printError(thrown: unknown, json: boolean): void {
  const error = toRuntimeError(thrown);
  if (json) {
    const { code, message, problems, retryable } = error;
    const body = { code, message, retryable, advice: ERRORS[code].advice, problems };
    process.stderr.write(`${JSON.stringify({ error: body })}\n`);
    return;
  }
  const lines = error.problems.map(
    ({ path, expected, got }) => `  ${path || "(input)"}: expected ${expected}, got ${got}`,
  );
  const head = lines.length > 0 ? `${error.code}:` : `${error.code}: ${error.message}`;
  process.stderr.write(`${[head, ...lines, ERRORS[error.code].advice].join("\n")}\n`);
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads `500ms`, `30s`, `5m`, `24h`, `7d` into milliseconds; anything else becomes a problem. */
export function readDuration(
  flag: string,
  text: string | undefined,
  problems: Problem[],
): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match) return Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
  problems.push({ path: flag, expected: "a number with ms, s, m, h or d, as 24h", got: text });
  return undefined;
}
