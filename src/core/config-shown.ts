/** Names of settings whose values are nobody's business. */
const SECRET = /secret|pem|privateKey|password|token|authorization|headers/i;
const HIDDEN = "(hidden)";

/** A configuration as it may be shown: without secrets, and without those inside of URLs. */
export function shownConfig(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shownConfig);
  if (typeof value === "string") return shownText(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, it]) => it !== undefined)
      .map(([name, it]) => [name, SECRET.test(name) && isSet(it) ? HIDDEN : shownConfig(it)]),
  );
}

/** Numbers and switches whose names only sound so say nothing. */
function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === "string" || (typeof value === "object" && value !== null);
}

function shownText(text: string): string {
  if (!text.includes("://") || !URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === "" && url.password === "" && url.search === "") return text;
  url.username = "";
  url.password = "";
  url.search = "";
  return `${url.href} ${HIDDEN}`;
}
