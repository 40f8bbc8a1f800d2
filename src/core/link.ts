/** Schemes that run what follows them, or lead into the device itself. */
const REFUSED = /^(javascript|vbscript|data|file|blob|filesystem|about|view-source)$/;

const SCHEME = /^([a-z][a-z0-9+.-]*):./i;
const PLACEHOLDER = /\{\{[^{}]*\}\}/g;

/** What a link may be, for people. */
export const LINK_EXPECTED =
  "https://, http://, a path, or the scheme of an app, written out, and no spaces";

/**
 * Whether a link of a campaign leads somewhere whatever its variables hold.
 *
 * Where it leads to is written out: a variable may not decide on the scheme, since its value may
 * come from the member. Web addresses, paths and apps' own schemes are fine; those that run what
 * follows them are not.
 */
export function isLink(template: string): boolean {
  const literal = template.replaceAll(PLACEHOLDER, "");
  // Browsers leave out some of these characters before they look at the scheme.
  if (/[\s\\\p{Cc}]/u.test(literal)) return false;
  if (/^\/(?!\/)/.test(template)) return true;
  const scheme = SCHEME.exec(template)?.[1]?.toLowerCase();
  if (scheme === undefined || REFUSED.test(scheme)) return false;
  return !/^https?$/.test(scheme) || /^https?:\/\/[^/]/i.test(template);
}
