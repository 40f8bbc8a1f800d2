import { z } from "zod";

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

/** Devices of the protocol of old; `docs/protocol-classic.md` explains it. */
export const classicSection = z
  .strictObject({
    enabled: z.boolean().default(false).describe("Whether classic devices may connect, at /ws."),
    secret: z
      .string()
      .min(8)
      .optional()
      .describe("What classic devices sign their log-in with. Needed when it is enabled."),
    idBits: int(32, 64, 64, "64, or 32 for the branch with narrow ids.").refine(
      (bits) => bits === 32 || bits === 64,
      "32 or 64",
    ),
    phonesArePositive: z
      .boolean()
      .default(true)
      .describe("Whether phones have positive numbers; boards have the others."),
    slots: z
      .boolean()
      .default(true)
      .describe("Whether a user has 15 phones with numbers of their own; if not, any number."),
    clockSkewSeconds: int(1, 3600, 60, "How far a device's clock may be off."),
    allowsNoClock: z
      .boolean()
      .default(false)
      .describe("Whether a device without a clock (timestamp 0) may log in."),
    loginTimeoutMs: int(100, 600_000, 60_000, "Time for the log-in."),
    loginsPerSecond: int(1, 1_000_000, 10, "Log-ins per second from one address (IPv6: /64)."),
    loginsBurst: int(1, 1_000_000, 100, "Log-ins from one address (IPv6: /64) at once."),
    connectionsMax: int(1, 5_000_000, 100_000, "Classic connections on this node."),
    connectionsPerAddress: int(
      1,
      5_000_000,
      1000,
      "Classic connections from one address (IPv6: /64).",
    ),
    framesPerSecond: int(0, 1_000_000, 100, "Messages per second of one device; 0: no limit."),
    framesBurst: int(1, 1_000_000, 200, "Messages a device may send at once."),
    messageBytesMax: int(64, 65_536, 32_768, "Largest message, either way, in bytes."),
    unsentBytesMax: int(4096, 16_777_216, 131_072, "Unsent bytes until a device is too slow."),
    keepMs: int(0, 2_592_000_000, 0, "How long messages wait for who is away; 0: not at all."),
    udpEnabled: z.boolean().default(false).describe("Whether classic boards may come over UDP."),
    udpHost: z
      .string()
      .min(1)
      .optional()
      .describe("Address to listen on; without it, listen.host."),
    udpPort: int(0, 65_535, 7999, "Port for classic UDP; 0 takes a free one."),
    udpSessionsMax: int(1, 5_000_000, 100_000, "Classic UDP sessions on this node."),
    udpHeartbeatSeconds: int(1, 255, 20, "How often boards are asked to say that they are there."),
    udpSilenceMs: int(1000, 3_600_000, 40_000, "A board silent for so long is offline."),
    datagramsPerSecond: int(
      1,
      1_000_000,
      200,
      "Datagrams per second from one address (IPv6: /64).",
    ),
    datagramsBurst: int(1, 1_000_000, 1000, "Datagrams from one address (IPv6: /64) at once."),
    registers: z
      .boolean()
      .default(false)
      .describe("Whether unknown boards may register over classic UDP. Anyone can."),
  })
  .refine(({ enabled, secret }) => !enabled || secret !== undefined, {
    path: ["secret"],
    message: "a secret, when classic is enabled",
  })
  .refine(({ udpEnabled, idBits }) => !udpEnabled || idBits === 64, {
    path: ["idBits"],
    message: "64 when udpEnabled is true: with 32 bits there is no UDP, set udpEnabled to false",
  })
  .refine(({ udpEnabled, enabled }) => !udpEnabled || enabled, {
    path: ["enabled"],
    message: "true when udpEnabled is true",
  })
  .prefault({});
