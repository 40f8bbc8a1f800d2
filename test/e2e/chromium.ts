import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Chromium is; undefined when this machine has none. */
export const BROWSER = executable("chromium") ?? executable("chromium-browser");

/** Without Chromium its tests are left out, which they say; with CI set they fail instead. */
export const isLeftOut = BROWSER === undefined && process.env["CI"] === undefined;

/** Where the path has this program; undefined when it has not. */
function executable(name: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
