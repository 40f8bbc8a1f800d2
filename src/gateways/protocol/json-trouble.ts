import { WIRE_LIMITS } from "./limits.ts";

/** Says what of a parsed value must not be passed on; undefined if nothing. */
export function findTrouble(value: unknown, depth: number): string | undefined {
  // What JSON writes and a double cannot hold would come back as null.
  if (value === Infinity || value === -Infinity) return "without numbers beyond a double's";
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > WIRE_LIMITS.depthMax) return `at most ${WIRE_LIMITS.depthMax} levels deep`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const trouble = findTrouble(item, depth + 1);
      if (trouble !== undefined) return trouble;
    }
    return undefined;
  }
  for (const key in value) {
    if (key === "__proto__") return "without a key __proto__";
    const trouble = findTrouble((value as Record<string, unknown>)[key], depth + 1);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}
