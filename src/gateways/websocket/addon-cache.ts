import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { RuntimeError } from "../../core/errors.ts";

/** A folder that may keep adapted addons. */
export interface CacheFolder {
  readonly path: string;
  /**
   * Whether the folder lies where others may write too, as the system's temporary folder does.
   * It is then used only while it belongs to this user and nobody else may enter it.
   */
  readonly exposed: boolean;
}

/**
 * Keeps an addon in the first folder that takes it, and returns its path.
 *
 * The name is the hash of the content, and a file of that name is used only if its bytes are
 * right. A new file appears by renaming, so that processes that start together never see half.
 *
 * @throws RuntimeError `gateway.unsupported` if no folder takes it.
 */
export function keepAddon(addon: Buffer, folders: readonly CacheFolder[]): string {
  const name = `uws-${createHash("sha256").update(addon).digest("hex").slice(0, 32)}.node`;
  const failures: unknown[] = [];
  for (const folder of folders) {
    try {
      return keepIn(folder, name, addon);
    } catch (failure) {
      failures.push(failure);
    }
  }
  const tried = folders.map(({ path }) => path).join(" and ");
  throw new RuntimeError(
    "gateway.unsupported",
    `The adapted uWebSockets.js binary could not be kept in ${tried}: make one of them writable`,
    { cause: new AggregateError(failures) },
  );
}

function keepIn(folder: CacheFolder, name: string, addon: Buffer): string {
  const file = join(folder.path, name);
  mkdirSync(folder.path, { recursive: true, mode: folder.exposed ? 0o700 : 0o755 });
  if (folder.exposed) assertPrivate(folder.path);
  if (holds(file, addon)) return file;

  const draft = mkdtempSync(join(folder.path, "draft-"));
  try {
    writeFileSync(join(draft, name), addon, { mode: 0o644 });
    renameSync(join(draft, name), file);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return file;
}

/** Refuses a folder that somebody else made or may change: we are about to run code from it. */
function assertPrivate(path: string): void {
  const stat = lstatSync(path);
  const isOurs = process.getuid === undefined || stat.uid === process.getuid();
  if (stat.isDirectory() && isOurs && (stat.mode & 0o077) === 0) return;
  throw new Error(`${path} is not a folder that only this user can enter`);
}

function holds(file: string, content: Buffer): boolean {
  try {
    return readFileSync(file).equals(content);
  } catch {
    return false; // Absent or unreadable: it is written anew.
  }
}
