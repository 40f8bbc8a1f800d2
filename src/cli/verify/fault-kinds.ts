import { type Arena, pause } from "./arena.ts";
import type { Part } from "./faults.ts";
import type { Fault, Struck } from "./trial.ts";

/** How long after a pause the last message is waited for, in milliseconds. */
const AFTER_PAUSE_MS = 300;
/** A process stays frozen for this many leases. */
const FROZEN_LEASES = 1.3;

/** Throws into an actor at its next turn. */
export function crash(part: Part): Fault {
  return {
    strike: async ({ node }) => {
      node.tell({ type: "throw", part });
      return now();
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
    async strike({ sink }) {
      strikes += 1;
      await sink.dieAndReturn(strikes % 2 === 0 ? "before" : "after");
      return now();
    },
  };
}

export const pauseAndResume: Fault = {
  async strike(arena, campaign): Promise<Struck> {
    const { arrived: before } = await afterCommand(arena, campaign);
    await pause(AFTER_PAUSE_MS);
    const { arrived: after } = await arena.sink.count();
    await arena.command(campaign, "resume").catch(ignoreRefusal);
    return { ...now(), sentAfterPause: after - before };
  },
};

export const secondMaster: Fault = {
  strike: async ({ node }, campaign) => {
    node.tell({ type: "second-master", campaign });
    return now();
  },
};

async function afterCommand(arena: Arena, campaign: string) {
  await arena.command(campaign, "pause").catch(ignoreRefusal);
  return arena.sink.count();
}

/** It may have ended a moment ago: then there is nothing to pause. */
function ignoreRefusal(error: unknown): void {
  if (!String(error).includes("refused")) throw error;
}

function now(): Struck {
  return { at: Date.now() };
}
