import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { RuntimeError } from "../../core/errors.ts";
import { keepAddon } from "./addon-cache.ts";
import { MISSING_VERSION, withoutGlibc238 } from "./glibc-patch.ts";

/** The uWebSockets.js module. */
export type Uws = typeof import("uWebSockets.js");

const PACKAGE = "uWebSockets.js";
const COMPLAINT = new RegExp(`version \`${MISSING_VERSION}' not found \\(required by (.+?)\\)`);
const require = createRequire(import.meta.url);

let loaded: Uws | undefined;

/**
 * Loads uWebSockets.js, once per thread.
 *
 * The package is required as it is. Only where its binary asks for GLIBC_2.38 and the machine's
 * C library is older, an adapted copy is loaded from a cache folder instead.
 *
 * @throws RuntimeError `gateway.unsupported` where neither loads; the message says what to do.
 * @see docs/decisions/0002-uwebsockets-on-older-glibc.md
 */
export function loadUws(): Uws {
  loaded ??= loadOriginal() ?? loadAdapted();
  return loaded;
}

/**
 * Does it once the addon's callback has returned.
 *
 * What is written while it says that a socket has drained, and goes out in part only, would stay
 * unsent: after that callback the addon no longer waits for room.
 */
export function afterCallback(work: () => void): void {
  setImmediate(work);
}

/** Returns undefined if nothing but the version of the C library is in the way. */
function loadOriginal(): Uws | undefined {
  try {
    return require(PACKAGE) as Uws;
  } catch (cause) {
    if (isOldGlibc(cause)) return undefined;
    throw unsupported(cause);
  }
}

/** Exported for its test: the message is the dynamic linker's own, inside the package's error. */
export function isOldGlibc(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const [, file] = COMPLAINT.exec(error.message) ?? [];
  return file !== undefined && file === addonPath();
}

function loadAdapted(): Uws {
  const original = addonPath();
  const adapted = keepAddon(withoutGlibc238(readFileSync(original)), [
    { path: join(dirname(original), "..", ".cache", "herald"), exposed: false },
    { path: join(tmpdir(), `herald-${process.getuid?.() ?? "user"}`), exposed: true },
  ]);
  try {
    // `require` is `process.dlopen` with a cache: the addon must start only once per thread.
    return require(adapted) as Uws;
  } catch (cause) {
    throw unsupported(cause);
  }
}

/** The binary that the package's own entry chooses: by platform, processor and Node's ABI. */
function addonPath(): string {
  const { platform, arch, versions } = process;
  const folder = dirname(require.resolve(PACKAGE));
  return join(folder, `uws_${platform}_${arch}_${versions.modules}.node`);
}

function unsupported(cause: unknown): RuntimeError {
  const { platform, arch, version } = process;
  return new RuntimeError(
    "gateway.unsupported",
    `uWebSockets.js does not load. Found: ${platform} on ${arch}, Node.js ${version}, ` +
      `C library ${glibcVersion()}. Expected: Linux with glibc 2.38 or newer (2.36 on x64), ` +
      "macOS or Windows, and the dependencies installed. What to do: run `npm ci`, use a newer " +
      "distribution (Debian 13, Ubuntu 24.04), or the official package as " +
      `docs/decisions/0002-uwebsockets-on-older-glibc.md says. Reason: ${String(cause)}`,
    { cause },
  );
}

function glibcVersion(): string {
  const report: unknown = process.report.getReport();
  const { header } = report as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? "other than glibc";
}
