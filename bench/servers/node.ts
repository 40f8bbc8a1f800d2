/** A whole node as a process. It can be killed as any other, and started again on its data. */
import { readFileSync, writeFileSync } from "node:fs";
import { parseConfig } from "../../src/core/config.ts";
import { startNode } from "../../src/main.ts";
import { answerParent } from "../load/child.ts";

export interface Started {
  readonly url: string;
  /** Of an administrator; empty when the data folder had one before. */
  readonly token: string;
  /** From the call to the node's answering. */
  readonly startMs: number;
}

answerParent({
  async start({ dataDir }: { dataDir: string }): Promise<Started> {
    const settings = { node: { dataDir }, listen: { port: 0 }, log: { level: "error" } };
    const startedAt = performance.now();
    const node = await startNode(parseConfig(settings, {}));
    const startMs = performance.now() - startedAt;
    return { url: node.url, token: node.firstAdminToken ?? "", startMs };
  },
  /** The highest resident memory since the last question, in bytes. */
  peak(): number {
    const status = readFileSync("/proc/self/status", "utf8");
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
    // Sets the highest to the present one (proc(5)).
    writeFileSync("/proc/self/clear_refs", "5");
    return peak;
  },
});
