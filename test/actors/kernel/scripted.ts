import type { ActorType, Context } from "../../../src/actors/kernel/actor.ts";

/** What a scripted actor does with one message; a list that it returns is the next state. */
export type Step = (ctx: Context<Step>, state: string[]) => unknown;

/**
 * An actor type whose messages say what to do, so that a test reads top to bottom.
 *
 * The state is a list of words; `note` adds one.
 */
export function scripted(
  options: Partial<Omit<ActorType<string[], Step>, "behavior">> = {},
): ActorType<string[], Step> {
  return {
    label: "scripted",
    behavior: (state, step, ctx) => {
      const next = step(ctx, state);
      return Array.isArray(next) ? next : state;
    },
    ...options,
  };
}

/** Adds a word to the state. */
export function note(word: string): Step {
  return (_ctx, state) => [...state, word];
}

/** Throws: the actor crashes. */
export const crash: Step = () => {
  throw new Error("as the test wanted");
};
