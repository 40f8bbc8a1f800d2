import { randomBytes } from "node:crypto";
import { ChannelClient } from "../../clients/udp/src/channel-client.ts";
import { type OpenNetwork, udpNetwork } from "../../clients/udp/src/network.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import type { KeyId } from "../../src/gateways/udp/packet.ts";
import type { OpenWire } from "./wire.ts";

export interface UdpPlace {
  readonly port: number;
  readonly localAddress: string;
  readonly key: KeyId;
  readonly secret: Uint8Array;
  readonly seed: number;
}

/** Of the datagrams in each direction, and as many come twice. */
const LOSS = 0.05;

/** An encrypted channel of its own for each connection, over a network that loses datagrams. */
export function udpWire({ port, localAddress, key, secret, seed }: UdpPlace): OpenWire {
  const random = seededRandom(seed);
  return ({ onOpen, onFrame, onClose }) => {
    const channel = new ChannelClient({
      ...{ key, secret, randomBytes, onOpen, onFrame },
      network: lossy(udpNetwork("127.0.0.1", port, localAddress), random),
      onEnd: (ending) =>
        onClose(ending.type === "kicked" ? Number(ending.kick["code"]) : undefined),
    });
    const left = (leave: () => void): void => {
      leave();
      // As a socket does: later, and once.
      setImmediate(onClose, undefined);
    };
    return {
      send: (frame) => channel.send(frame),
      drop: () => left(() => channel.drop()),
      sayGoodBye: () => left(() => channel.close()),
    };
  };
}

function lossy(open: OpenNetwork, random: Random): OpenNetwork {
  const timesOf = (): number => {
    const chance = random();
    return chance < LOSS ? 0 : chance < 2 * LOSS ? 2 : 1;
  };
  return (receive) => {
    const network = open((datagram) => {
      for (let times = timesOf(); times > 0; times -= 1) receive(Buffer.from(datagram));
    });
    return {
      send(datagram) {
        for (let times = timesOf(); times > 0; times -= 1) network.send(datagram);
      },
      close: () => network.close(),
    };
  };
}
