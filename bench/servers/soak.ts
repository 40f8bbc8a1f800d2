/** A whole node as a process: admin API, devices, SQLite in a folder that goes with it. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../src/core/config.ts";
import { startNode } from "../../src/main.ts";
import { answerParent } from "../load/child.ts";
import { residentBytes } from "./resident.ts";

const EVERYBODY = 1_000_000;

const udpPort = await freePort();
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

answerParent({
  place: () => ({ url: node.url, udpPort, token: node.firstAdminToken }),
  memory: residentBytes,
  heap: () => process.memoryUsage().heapUsed,
  async stop() {
    await node.stop();
    rmSync(folder, { recursive: true });
    return {};
  },
});

async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}
