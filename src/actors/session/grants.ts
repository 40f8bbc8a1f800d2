import { RuntimeError } from "../../core/errors.ts";
import { type Glob, matchesGlob, parseGlob } from "../../core/glob.ts";
import type { Ctx, SessionState } from "./state.ts";
import { tellError } from "./telling.ts";

/** Whether one of these patterns fits a topic. */
export function isGranted(patterns: readonly string[] | undefined, topic: string): boolean {
  if (patterns === undefined) return false;
  let globs = parsed.get(patterns);
  if (globs === undefined) {
    globs = patterns.map(parseGlob);
    parsed.set(patterns, globs);
  }
  return globs.some((glob) => matchesGlob(glob, topic));
}

/** What the credentials of those who are here allow, as it is looked at with each message. */
const parsed = new WeakMap<readonly string[], readonly Glob[]>();

/** Tells the device that its credential does not allow what it asked for. */
export function forbid(state: SessionState, id: number, what: string, topic: string, ctx: Ctx) {
  return tellError(state, id, forbidden(what, topic), ctx);
}

export function forbidden(what: string, topic: string): RuntimeError {
  const message = `the credential does not allow to ${what} ${topic}`;
  return new RuntimeError("topic.forbidden", message);
}
