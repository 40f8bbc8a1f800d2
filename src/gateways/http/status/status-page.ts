import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** The page for people, whole: nothing else is fetched but `/v1/status` and `/v1/devices`. */
export const STATUS_PAGE = readFileSync(new URL("status.html", import.meta.url), "utf8");

/** What browsers may do with it: its one script and its one style, and requests to this node. */
export const STATUS_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf("script")}'`,
  `style-src '${hashOf("style")}'`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashOf(tag: "script" | "style"): string {
  const content = new RegExp(`<${tag}>(.*?)</${tag}>`, "s").exec(STATUS_PAGE)?.[1];
  if (content === undefined) throw new Error(`the status page has no ${tag}`);
  return `sha256-${createHash("sha256").update(content).digest("base64")}`;
}
