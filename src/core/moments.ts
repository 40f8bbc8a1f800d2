const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const ISO = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Reads `45s`, `30m`, `12h`, `7d`, `4w` into milliseconds; undefined when it is none of these. */
export function millisecondsOf(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(digits) * UNITS[unit as keyof typeof UNITS];
}

/**
 * Reads an ISO 8601 date (midnight in UTC), or an instant with its offset from UTC, into
 * milliseconds since the Unix epoch; undefined when it is neither, or there is no such day.
 */
export function instantOf(text: string): number | undefined {
  const [, day] = ISO.exec(text) ?? [];
  if (day === undefined) return undefined;
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // The 30th of February is taken for the 1st or 2nd of March.
  const isDay = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
  const at = isDay ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
