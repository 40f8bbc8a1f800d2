/** An exchange without a socket: what goes in is given, what comes out is kept. */
import { onTestFinished } from "vitest";
import { ChannelClient, type Frame } from "../../../clients/udp/src/channel-client.ts";
import { UdpDevice, type UdpDeviceOptions } from "../../../clients/udp/src/device.ts";
import { sessionKind } from "../../../src/actors/session/messages.ts";
import { every } from "../../../src/core/clock.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { resumeTokens } from "../../../src/gateways/auth/resume-tokens.ts";
import { UdpCounts } from "../../../src/gateways/udp/counts.ts";
import { Exchange } from "../../../src/gateways/udp/exchange.ts";
import { startMac } from "../../../src/gateways/udp/keys.ts";
import type { UdpLimits, UdpOptions } from "../../../src/gateways/udp/options.ts";
import {
  cookieOf,
  type KeyId,
  NONCE_BYTES,
  writeInit,
  writeStart,
} from "../../../src/gateways/udp/packet.ts";
import { sessionNode } from "../../testkit/session-node.ts";
import { secretOf, UDP_LIMITS } from "./udp-node.ts";

export const HERE = { address: "192.0.2.7", port: 4711 };
export const KEY: KeyId = { type: "device", principal: "board:b1", device: "board" };

export type Bare = ReturnType<typeof bareExchange>;

/** Starts one on virtual time. */
export function bareExchange(limits: Partial<UdpLimits> = {}, options: Partial<UdpOptions> = {}) {
  const node = sessionNode({});
  const { system, clock } = node;
  const counts = new UdpCounts(noMetrics);
  const sent: { readonly bytes: Buffer; readonly address: string; readonly port: number }[] = [];
  const devices = new Map<string, (datagram: Buffer) => void>();
  const wire: Buffer[] = [];
  let sessions = 0;
  const exchange = new Exchange(
    {
      ...{ host: "", port: 0, system, clock, random: seededRandom(1), logger: silentLogger },
      ...{ provisioning: [], resetSecret: Buffer.alloc(32, 5), metrics: noMetrics },
      limits: { ...UDP_LIMITS, ...limits },
      openSession: ({ user, device }) => node.openSession(user, device),
      findSession: (id) => system.find(sessionKind, id),
      resumeTokens: resumeTokens(Buffer.alloc(32)),
      deviceKey: async (principal, device) => ({
        ...{ secret: secretOf(principal, device), grants: undefined },
      }),
      newId: () => {
        sessions += 1;
        return `s${sessions}`;
      },
      ...options,
    },
    counts,
    (bytes, port, address) => {
      sent.push({ bytes: Buffer.from(bytes), address, port });
      devices.get(`${address} ${port}`)?.(Buffer.from(bytes));
    },
  );
  every(1000, clock, () => exchange.tick());
  onTestFinished(async () => void (await system.stop({ deadlineMs: 100 })));
  return {
    ...node,
    exchange,
    counts,
    sent,
    /** Every datagram that a device has sent. */
    wire,
    /** Gives what is sent to an address to `receive`. */
    attach({ address, port }: typeof HERE, receive: (datagram: Buffer) => void): void {
      devices.set(`${address} ${port}`, receive);
    },
    /** A device at an address, which `place` may change; what it is told is given to `options`. */
    device(place: { address: string; port: number }, options: Partial<UdpDeviceOptions> = {}) {
      return new UdpDevice({
        key: KEY as Extract<KeyId, { type: "device" }>,
        secret: secretOf("board:b1", "board"),
        clock,
        random: seededRandom(2),
        network: (receive) => ({
          send(datagram) {
            wire.push(Buffer.from(datagram));
            devices.set(`${place.address} ${place.port}`, receive);
            exchange.receive(Buffer.from(datagram), { ...place });
          },
          close: () => void devices.delete(`${place.address} ${place.port}`),
        }),
        ...options,
      });
    },
    /** Opens a channel with any key, sends these frames, and gives what it is told. */
    async ask(key: KeyId, secret: Uint8Array, frames: readonly object[]): Promise<Frame[]> {
      const told: Frame[] = [];
      const client = new ChannelClient({
        ...{ key, secret, clock, randomBytes: (length) => Buffer.alloc(length, 3) },
        network: (receive) => {
          devices.set(`${HERE.address} ${HERE.port}`, receive);
          return {
            send: (datagram) => exchange.receive(Buffer.from(datagram), HERE),
            close: () => {},
          };
        },
        onOpen: () => {
          for (const frame of frames) client.send(frame);
        },
        onFrame: (frame) => told.push(frame),
        onEnd: () => {},
      });
      await node.advance(1000);
      client.drop();
      return told;
    },
    /** Takes a datagram and gives what it is answered at once. */
    async give(bytes: Uint8Array, from = HERE): Promise<Buffer[]> {
      const before = sent.length;
      exchange.receive(Buffer.from(bytes), from);
      await node.settle();
      return sent.slice(before).map((one) => one.bytes);
    },
  };
}

/** The start that follows the cookie for a nonce of one repeated byte. */
export async function startFor(bare: Bare, fill = 1, key = KEY, from = HERE): Promise<Buffer> {
  const nonce = Buffer.alloc(NONCE_BYTES, fill);
  const [cookie] = await bare.give(writeInit(nonce), from);
  const start = writeStart(nonce, cookieOf(cookie!), key);
  const secret = key.type === "device" ? secretOf(key.principal, key.device) : Buffer.alloc(32, 9);
  return Buffer.concat([start, startMac(secret, nonce, start)]);
}
