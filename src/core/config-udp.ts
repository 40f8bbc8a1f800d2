import { z } from "zod";
import { readSecret } from "./device-secret.ts";

const PATTERNS_MAX = 100;
const KEYS_MAX = 32;

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

/** A key with which a device without an identity registers as a board. */
const provisioningKey = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  secret: z
    .string()
    .refine((text) => readSecret(text) !== undefined, "32 bytes in base64url, 43 characters"),
});

const patterns = (doc: string) =>
  z.array(z.string().min(1).max(256)).max(PATTERNS_MAX).default([]).describe(doc);

/** Devices over UDP; `docs/udp.md` explains the protocol. */
export const udpSection = z
  .strictObject({
    enabled: z.boolean().default(false).describe("Whether devices may come over UDP."),
    host: z.string().min(1).optional().describe("Address to listen on; without it, listen.host."),
    port: int(0, 65_535, 9011, "Port to listen on; 0 takes a free one."),
    sessionsMax: int(1, 5_000_000, 100_000, "UDP sessions on this node."),
    handshakesPerSecond: int(
      1,
      1_000_000,
      20,
      "Handshakes per second from one address (IPv6: /64).",
    ),
    handshakesBurst: int(1, 1_000_000, 60, "Handshakes from one address (IPv6: /64) at once."),
    framesPerSecond: int(0, 1_000_000, 500, "Frames per second of one device; 0: no limit."),
    framesBurst: int(1, 1_000_000, 1000, "Frames a device may send at once."),
    // A part of a replay must fit beside what was left of the one before it.
    unsentBytesMax: int(
      65_536,
      16_777_216,
      65_536,
      "Unconfirmed bytes until a device is too slow.",
    ),
    heartbeatMs: int(1000, 3_600_000, 40_000, "A device silent for so long is gone."),
    helloTimeoutMs: int(100, 600_000, 10_000, "Time for the first frame."),
    attemptsMax: int(1, 20, 8, "Waits in a row, each twice as long, until a device is gone."),
    subscribe: patterns("Topics to which devices over UDP may subscribe: patterns with * and ?."),
    publish: patterns("Topics to which devices over UDP may publish: patterns with * and ?."),
    provisioning: z
      .array(provisioningKey)
      .max(KEYS_MAX)
      .default([])
      .describe("Keys that register boards over UDP and do nothing else, as `{id, secret}`."),
  })
  .prefault({});
