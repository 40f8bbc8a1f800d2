import { z } from "zod";

const DAY_MS = 86_400_000;
const MANY = 1_000_000;

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

/** What devices over WebSocket may ask of this node, each and all together. */
export const websocketSection = z
  .strictObject({
    frameBytesMax: int(1024, 1_048_576, 65_536, "Largest frame taken from a device, in bytes."),
    framesPerSecond: int(0, MANY, 500, "Frames per second of one device; 0: no limit."),
    framesBurst: int(1, MANY, 1000, "Frames a device may send at once."),
    connectionsMax: int(1, 5_000_000, 100_000, "Connections on this node."),
    connectionsPerAddress: int(1, 5_000_000, 1000, "Connections from one address (IPv6: /64)."),
    connectionsPerUser: int(1, 10_000, 20, "Connections of one user."),
    connectsPerSecond: int(0, MANY, 1000, "Connections taken per second; 0: no limit."),
    connectsBurst: int(1, MANY, 5000, "Connections taken at once, after a pause."),
    addressConnectsPerSecond: int(
      0,
      MANY,
      100,
      "The same for one address (IPv6: /64); 0: no limit.",
    ),
    addressConnectsBurst: int(1, MANY, 1000, "Connections from one address (IPv6: /64) at once."),
    flapsPerUser: int(0, MANY, 60, "Log-ins of one user per window until a ban; 0: no ban."),
    flapsPerAddress: int(
      0,
      MANY,
      0,
      "Connections of an address (IPv6: /64) until a ban; 0: no ban.",
    ),
    flapWindowMs: int(1000, DAY_MS, 60_000, "The window in which both are counted."),
    banMs: int(1000, 30 * DAY_MS, 300_000, "How long a ban lasts."),
    maxLifetimeMs: int(0, 30 * DAY_MS, 0, "The age at which a connection ends; 0: no limit."),
    unsentBytesMax: int(4096, 16_777_216, 131_072, "Unsent bytes until a client is too slow."),
    heldPublicationsMax: int(1, 10_000, 100, "Publications waiting for a slow client."),
    heartbeatMs: int(5000, 600_000, 60_000, "One silent so long is closed, pinged at two thirds."),
    helloTimeoutMs: int(100, 600_000, 10_000, "Time for the first frame."),
  })
  .prefault({});
