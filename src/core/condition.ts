import { z } from "zod";
import { checkCondition } from "./condition-check.ts";
import { RuntimeError } from "./errors.ts";
import type { Scalar } from "./member-rules.ts";
import { problemsOf } from "./problems.ts";

/**
 * Tests of one attribute; all that are given must hold.
 *
 * Values have types: the text `"1"` is not the number `1`, and a comparison with a value of
 * another type does not hold. None holds for a member without the attribute, but `exists: false`.
 */
export interface AttributeTest {
  /** Name of an attribute, or `id`, `locale`, `timeZone`. */
  readonly attr: string;
  readonly eq?: Scalar;
  /** Has it, and it is something else. */
  readonly ne?: Scalar;
  readonly lt?: string | number;
  readonly lte?: string | number;
  readonly gt?: string | number;
  readonly gte?: string | number;
  readonly in?: readonly Scalar[];
  /** Both ends belong to it. */
  readonly between?: readonly [string, string] | readonly [number, number];
  readonly prefix?: string;
  /** The whole text: `*` stands for any text, `?` for one character. */
  readonly pattern?: string;
  readonly exists?: boolean;
}

/** When a member was last seen; all that are given must hold, and a member never seen fails. */
export interface SeenTest {
  /** At most this long ago: `30m`, `12h`, `7d`, `4w`. */
  readonly within?: string;
  /** A date or an instant in ISO 8601. */
  readonly before?: string;
  readonly after?: string;
}

/** Who belongs to an audience, as JSON. `all` of nothing holds, `any` of nothing does not. */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | AttributeTest
  | { readonly tag: string }
  | { readonly anyTag: readonly string[] }
  | { readonly lastSeen: SeenTest }
  /** Is in this frozen audience. */
  | { readonly audience: string }
  /** This per cent of all members, always the same ones for the same salt. */
  | { readonly sample: number; readonly salt?: string };

/** Checks what came from outside. Every problem has the path of its field. */
export const conditionSchema = z.unknown().superRefine((value, ctx) => {
  for (const { path, expected } of checkCondition(value)) {
    ctx.addIssue({ code: "custom", path: [...path], message: expected, input: value });
  }
}) as z.ZodType<Condition>;

/**
 * A condition from a JSON value.
 *
 * @throws RuntimeError `condition.invalid`, which names each field that is wrong.
 */
export function readCondition(value: unknown): Condition {
  const parsed = conditionSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = problemsOf(parsed.error, value);
  const list = problems.map(({ path, expected }) => `${path || "(whole)"}: expected ${expected}`);
  throw new RuntimeError("condition.invalid", list.join("; "), { problems });
}

/** The audiences that a condition names, each once. */
export function audiencesOf(condition: Condition): string[] {
  const found = new Set<string>();
  visit(condition, (leaf) => {
    if ("audience" in leaf) found.add(leaf.audience);
  });
  return [...found];
}

function visit(condition: Condition, see: (leaf: Condition) => void): void {
  if ("all" in condition) for (const inner of condition.all) visit(inner, see);
  else if ("any" in condition) for (const inner of condition.any) visit(inner, see);
  else if ("not" in condition) visit(condition.not, see);
  else see(condition);
}
