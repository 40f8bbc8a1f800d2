import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { openSqliteStores } from "../../src/persistence/sqlite/open-stores.ts";
import { clockAt } from "../conformance/open-stores.ts";
import { dataFile } from "../persistence/data-folder.ts";
import { startNode } from "./herald.ts";

const WRITER = fileURLToPath(new URL("./store-on-full-disk.ts", import.meta.url));
/** Runs its arguments with a limit on the size of every file that it writes: here 1 MB. */
const LIMITED = 'ulimit -S -f 2000; exec "$@"';

test("when the log cannot grow commits fail, and work again when it can", async () => {
  const file = dataFile();
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", WRITER, file];
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const child = spawn("sh", ["-c", LIMITED, "sh", ...node], { stdio: [...stdio] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout!)) {
    lines.push(line);
    if (line.startsWith("full")) {
      execFileSync("sh", ["-c", `prlimit --fsize=unlimited --pid ${child.pid}`]);
    }
  }
  if (child.exitCode === null) await once(child, "exit");
  expect(child.exitCode).toBe(0);
  expect(lines).toEqual(["full store.unavailable", expect.stringMatching(/^room \d+$/)]);

  const options = { inboxPerUserMax: 10, clock: clockAt(0) };
  const stores = await openSqliteStores({ file, synchronous: "normal", ...options });
  onTestFinished(() => stores.close());
  const { items } = await stores.audit.list({ limit: 1_000_000 });
  const written = Number(lines[1]!.slice("room ".length));
  expect(items.map(({ at }) => at)).toEqual([...Array(written).keys()].reverse());
});

test("a node is not ready while its disk is full, and ready again when there is room", async () => {
  const node = await startNode([]);
  const log = statSync(join(node.places.data, "herald.db-wal"));
  const sizeMax = (bytes: number | "unlimited") =>
    execFileSync("sh", ["-c", `prlimit --fsize=${bytes}:unlimited --pid ${node.child.pid}`]);
  const ready = async (status: number) => {
    const reply = await node.call("GET", "/readyz");
    expect(reply.status).toBe(status);
    return reply.text;
  };
  const settings = { timeout: 20_000, interval: 250 };
  await ready(200);
  sizeMax(log.size);
  const text = await vi.waitFor(() => ready(503), settings);
  expect(text).toMatch(/"path":"store".*look at the disk.*store\.unavailable: SQLite/);
  sizeMax("unlimited");
  await vi.waitFor(() => ready(200), settings);
  await node.end("SIGTERM");
});
