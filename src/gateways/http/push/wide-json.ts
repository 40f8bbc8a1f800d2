/**
 * JSON with 64-bit integers, as old callers send and expect them: a whole number that a double
 * cannot hold is a bigint here, instead of another member's number.
 */
export function parseWide(text: string): unknown {
  const revive = (_: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    return /^-?\d{1,20}$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

/** Writes bigints as the numbers that they are. */
export function writeWide(value: unknown): string {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(value, (_, it: unknown) =>
    typeof it === "bigint" ? rawJSON(it.toString()) : it,
  );
}

const INT64_MAX = 2n ** 63n - 1n;

/** A 64-bit integer as text, or undefined for anything else. */
export function int64Text(value: unknown): string | undefined {
  if (typeof value !== "bigint" && !(typeof value === "number" && Number.isSafeInteger(value))) {
    return undefined;
  }
  const wide = BigInt(value);
  return wide >= -INT64_MAX - 1n && wide <= INT64_MAX ? wide.toString() : undefined;
}
