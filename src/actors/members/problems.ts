import { type Problem, RuntimeError } from "../../core/errors.ts";

const PROBLEMS_MAX = 100;

/** The error `member.invalid` with the first of the problems that there are. */
export function invalid(problems: readonly Problem[]): RuntimeError {
  const [first] = problems;
  const more = problems.length > 1 ? `; ${problems.length - 1} more` : "";
  const message = `${first?.path || "(whole)"}: expected ${first?.expected}${more}`;
  return new RuntimeError("member.invalid", message, { problems: problems.slice(0, PROBLEMS_MAX) });
}
