import { randomBytes } from "node:crypto";
import { type ClientClock, realClock } from "../../js/src/clock.ts";
import { ChannelClient, type Ending, type Frame } from "./channel-client.ts";
import type { OpenNetwork } from "./network.ts";

export interface RegisterOptions {
  readonly network: OpenNetwork;
  /** The provisioning key. */
  readonly id: string;
  readonly secret: Uint8Array;
  readonly board: {
    readonly mac: string;
    readonly serial: string;
    readonly model: string;
    readonly name?: string;
  };
  readonly clock?: ClientClock;
}

/** What a board is from then on. The secret is in base64url. */
export interface Registered {
  readonly board: string;
  readonly secret: string;
}

/**
 * Registers a board; may be called again when the answer was lost.
 *
 * @throws Error with what the server said, or what became of the channel. By rejecting.
 */
export function registerBoard(options: RegisterOptions): Promise<Registered> {
  const { network, id, secret, board, clock = realClock } = options;
  return new Promise((resolve, reject) => {
    const client = new ChannelClient({
      ...{ key: { type: "provisioning", id }, secret, network, clock, randomBytes },
      onOpen: () => client.send({ type: "command", id: 1, command: { do: "register", ...board } }),
      onFrame: (frame) => {
        client.close();
        if (frame.type === "done") resolve(frame["result"] as Registered);
        else reject(new Error(`not registered: ${wordsOf(frame)}`));
      },
      onEnd: (ending) => reject(new Error(`not registered: ${endOf(ending)}`)),
    });
  });
}

function wordsOf(frame: Frame): string {
  return `${frame["code"]}: ${frame["message"]}`;
}

function endOf(ending: Ending): string {
  return ending.type === "kicked" ? String(ending.kick["reason"]) : ending.reason;
}
