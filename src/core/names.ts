/** Length of a name at most, in UTF-16 code units. */
export const NAME_MAX = 128;

/** The name of a user, board, device or topic: not empty, not long, and no control characters. */
export function isName(text: string): boolean {
  return text.length > 0 && text.length <= NAME_MAX && !CONTROL.test(text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Cs}/u;
