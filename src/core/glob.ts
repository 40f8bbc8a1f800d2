/** What a pattern is made of, decoded once: a character, or one of the two wildcards. */
export type Glob = readonly string[];

/** A `*` in a pattern: any text, also none. */
const ANY = "*";
/** A `?` in a pattern: exactly one character. */
const ONE = "?";

export function parseGlob(pattern: string): Glob {
  return [...pattern];
}

/**
 * Whether the whole text fits a pattern of `*` (any text), `?` (one character) and characters.
 *
 * Two pointers and one place to go back to, the latest `*`: at most length of the pattern times
 * length of the text steps, whatever the two are. There is no escape: a pattern that must hold a
 * star or a question mark itself uses `?` in its place.
 */
export function matchesGlob(glob: Glob, text: string): boolean {
  const characters = [...text];
  let at = 0;
  let wanted = 0;
  let star = -1;
  let afterStar = 0;
  while (at < characters.length) {
    const expected = glob[wanted];
    if (expected === ANY) {
      star = wanted;
      afterStar = at;
      wanted += 1;
    } else if (expected === ONE || expected === characters[at]) {
      wanted += 1;
      at += 1;
    } else if (star >= 0) {
      // The latest star takes one character more.
      afterStar += 1;
      at = afterStar;
      wanted = star + 1;
    } else return false;
  }
  while (glob[wanted] === ANY) wanted += 1;
  return wanted === glob.length;
}

/** The characters that every fitting text begins with. */
export function literalPrefix(pattern: string): string {
  const end = pattern.search(/[*?]/);
  return end < 0 ? pattern : pattern.slice(0, end);
}
