/** A node with classic UDP, whose registry keeps boards in a list. */
import { onTestFinished } from "vitest";
import { RuntimeError } from "../../../src/core/errors.ts";
import { fail, ok } from "../../../src/core/result.ts";
import {
  type ClassicUdpGateway,
  openClassicUdp,
} from "../../../src/gateways/classic/udp-gateway.ts";
import type {
  ClassicRegistry,
  ClassicUdpOptions,
} from "../../../src/gateways/classic/udp-options.ts";
import { CLASSIC_LIMITS, type ClassicNode, classicNode } from "./classic-node.ts";
import { ClassicBoard } from "./datagrams.ts";

/** The limits of the configuration's defaults. */
export const CLASSIC_UDP_LIMITS: ClassicUdpOptions["limits"] = {
  ...CLASSIC_LIMITS,
  udpSessionsMax: 100_000,
  udpHeartbeatSeconds: 20,
  udpSilenceMs: 40_000,
  datagramsPerSecond: 200,
  datagramsBurst: 1000,
};

export interface BoardsNode extends ClassicNode {
  readonly udp: ClassicUdpGateway;
  /** What boards registered, in order. */
  readonly registered: readonly Parameters<NonNullable<ClassicRegistry["register"]>>[0][];
  /** A board that has said nothing yet; its id is 100 and its mark. */
  board(mark: number): ClassicBoard;
}

interface BoardsNodeOptions {
  readonly node?: Parameters<typeof classicNode>[0];
  readonly limits?: Partial<ClassicUdpOptions["limits"]>;
}

export async function boardsNode(more: BoardsNodeOptions = {}): Promise<BoardsNode> {
  const node = classicNode(more.node);
  const registered: BoardsNode["registered"][number][] = [];
  const registry: ClassicRegistry = {
    async register(board) {
      registered.push(board);
      const id = `${100 + Number.parseInt(board.mac.slice(0, 2), 16)}`;
      return ok({ board: id, cookie: `${id}|${board.mac}` });
    },
    async login({ mac, cookie }) {
      const [id, owner] = cookie.split("|");
      if (owner === mac) return ok({ board: id! });
      return fail(new RuntimeError("auth.invalid", "another board's cookie"));
    },
  };
  const udp = await openClassicUdp({
    ...node.options,
    ...{ host: "127.0.0.1", port: 0, registry, findPhone: node.classic.findPhone },
    limits: { ...CLASSIC_UDP_LIMITS, ...more.limits },
  });
  onTestFinished(() => udp.close());
  const board = (mark: number): ClassicBoard => {
    const made = new ClassicBoard(udp.port, mark);
    onTestFinished(() => made.close());
    return made;
  };
  return { ...node, udp, registered, board };
}
