import { type Arena, pause } from "./arena.ts";
import type { Part } from "./faults.ts";
import type { Fault, Struck } from "./trial.ts";

/** How long after a pause the last message is waited for, in milliseconds. */
const AFTER_PAUSE_MS = 300;
/** A process stays frozen for this many leases. */
const FROZEN_LEASES = 1.3;

/** Throws into an actor at its next turn, and waits until it has been thrown. */
export function crash(part: Part): Fault {
  return {
    async strike({ node }, _campaign, over) {
      const thrown = node.nextThrow();
      node.tell({ type: "throw", part });
      return (await Promise.race([thrown.then(() => true), over.then(() => false)]))
        ? now()
        : undefined;
    },
  };
}

export const killNode: Fault = {
  async strike({ node }) {
    await node.kill();
    const struck = now();
    await node.start();
    return struck;
  },
};

/** Stops the process for longer than a lease, then lets it go on. */
export const freezeNode: Fault = {
  async strike({ node, leaseMs }) {
    node.signal("SIGSTOP");
    await pause(leaseMs * FROZEN_LEASES);
    node.signal("SIGCONT");
    return now();
  },
};

/** Kills the provider when it has got a request, before or after it has taken it. */
export function killSink(): Fault {
  let strikes = 0;
  return {
    async strike({ sink }, _campaign, over) {
      strikes += 1;
      const isDead = await sink.dieAndReturn(strikes % 2 === 0 ? "before" : "after", over);
      return isDead ? now() : undefined;
    },
  };
}

export const pauseAndResume: Fault = {
  async strike(arena, campaign): Promise<Struck | undefined> {
    if (!(await isObeyed(arena, campaign, "pause"))) return undefined;
    const { arrived: before } = await arena.sink.count();
    await pause(AFTER_PAUSE_MS);
    const { arrived: after } = await arena.sink.count();
    await isObeyed(arena, campaign, "resume");
    return { ...now(), sentAfterPause: after - before };
  },
};

export const secondMaster: Fault = {
  strike: async ({ node }, campaign) => {
    node.tell({ type: "second-master", campaign });
    return now();
  },
};

/** False when it is refused: the campaign may have ended a moment ago. */
function isObeyed(arena: Arena, campaign: string, command: string): Promise<boolean> {
  return arena.command(campaign, command).then(
    () => true,
    (error: unknown) => {
      if (!String(error).includes("refused")) throw error;
      return false;
    },
  );
}

function now(): Struck {
  return { at: Date.now() };
}
