/** A whole node as a process: admin API, devices, SQLite in a folder that goes with it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseConfig } from "../../src/core/config.ts";
import { startNode } from "../../src/main.ts";
import { freeUdpPort } from "../../test/testkit/free-udp-port.ts";
import { answerParent } from "../load/child.ts";
import { residentBytes } from "./resident.ts";

const EVERYBODY = 1_000_000;

const udpPort = await freeUdpPort();
const folder = mkdtempSync(join(tmpdir(), "herald-soak-"));
// When the parent goes away; one that is killed has been asked to stop before.
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const config = parseConfig(
  {
    listen: { port: 0 },
    node: { dataDir: folder },
    log: { level: "silent" },
    // A few addresses stand for all devices of the world, and devices that come and go all the time
    // are the work, not an attack. What a single device may do is limited as usual.
    websocket: {
      ...{ connectionsPerAddress: EVERYBODY, addressConnectsPerSecond: 0, flapsPerUser: 0 },
      // Everybody is let in at once, before it begins.
      connectsPerSecond: 0,
    },
    udp: {
      ...{ enabled: true, port: udpPort, subscribe: ["t.*"], publish: ["t.*"] },
      ...{ handshakesPerSecond: EVERYBODY, handshakesBurst: EVERYBODY },
    },
  },
  {},
);
const node = await startNode(config);
const loopDelay = monitorEventLoopDelay();
loopDelay.enable();

answerParent({
  place: () => ({ url: node.url, udpPort, token: node.firstAdminToken }),
  memory: residentBytes,
  heap: () => process.memoryUsage().heapUsed,
  longestPauseMs: () => loopDelay.max / 1e6,
  async stop() {
    await node.stop();
    rmSync(folder, { recursive: true });
    return {};
  },
});
