import type { Kind } from "./actor.ts";

/**
 * Makes a kind of actor that is found by an id.
 *
 * Two kinds of the same name are the same kind. Make one constant per kind, in `messages.ts`:
 * `export const userKind = kind<UserMessage>("user");`.
 */
export function kind<Message>(name: string): Kind<Message> {
  return Object.freeze({ name });
}
