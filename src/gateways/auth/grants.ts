import type { Grants } from "../../core/device-request.ts";
import { isName } from "../../core/names.ts";

/** Patterns in each of the two lists of a credential. */
export const GRANTS_MAX = 64;

/** The claim `topics`, as credentials have it. */
interface TopicsClaim {
  readonly sub: readonly string[];
  readonly pub: readonly string[];
}

export function toClaim({ subscribe, publish }: Grants): TopicsClaim {
  return { sub: subscribe, pub: publish };
}

/** Reads the claim; undefined when it is not one. A list that is not there allows nothing. */
export function fromClaim(claim: unknown): Grants | undefined {
  if (typeof claim !== "object" || claim === null || Array.isArray(claim)) return undefined;
  const { sub = NONE, pub = NONE } = claim as Partial<Record<"sub" | "pub", unknown>>;
  return isPatterns(sub) && isPatterns(pub) ? { subscribe: sub, publish: pub } : undefined;
}

const NONE: readonly string[] = [];

function isPatterns(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > GRANTS_MAX) return false;
  return value.every((pattern) => typeof pattern === "string" && isName(pattern));
}
