/** Random commands, crashes and clocks against a model of the state machine. */
import { expect, test } from "vitest";
import type { CampaignCommand, CampaignState } from "../../../src/actors/master/messages.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { RecordingProvider, type Rig, repeated, startCampaigns } from "./rig.ts";

const MEMBERS = 300;
const STEPS = 60;
const COMMANDS: readonly CampaignCommand[] = ["start", "pause", "resume", "stop"];

/** What the states and commands are documented to do, written down independently. */
const NEXT: Readonly<Record<CampaignCommand, Partial<Record<CampaignState, CampaignState>>>> = {
  start: {
    ready: "started",
    pause: "started",
    stopped: "started",
    finished: "started",
    failed: "started",
  },
  pause: { started: "pause" },
  resume: { pause: "started" },
  stop: { started: "stopped", pause: "stopped" },
};
const TARGET: Readonly<Record<CampaignCommand, CampaignState>> = {
  start: "started",
  pause: "pause",
  resume: "started",
  stop: "stopped",
};

interface World {
  readonly stores: Stores;
  readonly provider: RecordingProvider;
  rig: Rig;
  boots: number;
  /** The next change of state is refused by the store. */
  failing: boolean;
}

function newWorld(): World {
  const memory = memoryStores({ inboxPerUserMax: 1 });
  const world: Omit<World, "rig"> = {
    stores: {
      ...memory,
      campaigns: {
        ...memory.campaigns,
        transition: (...args) => {
          if (!world.failing) return memory.campaigns.transition(...args);
          return Promise.reject(new RuntimeError("store.unavailable", "the disk is full"));
        },
      },
    },
    provider: new RecordingProvider(),
    boots: 1,
    failing: false,
  };
  const { stores, provider } = world;
  return Object.assign(world, { rig: startCampaigns({ stores, provider, owner: "boot-1" }) });
}

async function restart(world: World): Promise<void> {
  const clock = new VirtualClock(world.rig.clock.now() + 10);
  await world.rig.system.stop({ deadlineMs: 0 });
  world.boots += 1;
  const owner = `boot-${world.boots}`;
  world.rig = startCampaigns({ stores: world.stores, provider: world.provider, clock, owner });
  await world.stores.campaigns.releaseOthers(owner);
  await world.rig.ask((replyTo) => ({ type: "recover", replyTo }));
}

/** A state as it may be shown: a run may be taking up what a dead worker held. */
function runs(state: CampaignState): unknown {
  return state === "started" ? expect.stringMatching(/^(started|reboot)$/) : state;
}

async function play(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const world = newWorld();
  const { id: audience } = await world.rig.audience(MEMBERS);
  const { id } = await world.rig.create({ audience, rate: 40, window: 10 });
  let state: CampaignState = "ready";
  let epoch = 0;
  let version = 1;
  let changes = 1;

  for (let step = 0; step < STEPS; step += 1) {
    const hint = `seed ${seed}, step ${step}, ${state}`;
    const dice = random();
    if (dice < 0.6) {
      const command = pick(COMMANDS);
      world.failing = random() < 0.15;
      const answer = await world.rig.command(id, command);
      const next: CampaignState | undefined = NEXT[command][state];
      if (next === undefined) {
        const holds = TARGET[command] === state;
        expect(answer, hint).toMatchObject(
          holds ? { value: { changed: false } } : { error: { code: "campaign.refused" } },
        );
      } else if (world.failing) {
        expect(answer, hint).toMatchObject({ error: { code: "store.unavailable" } });
      } else {
        expect(answer, hint).toMatchObject({ value: { before: runs(state), changed: true } });
        state = next;
        if (command === "start") epoch += 1;
        changes += 1;
      }
      world.failing = false;
    } else if (dice < 0.66) {
      const workers = 1 + Math.floor(random() * 5);
      expect(await world.rig.tune(id, { workers }), hint).toMatchObject({ value: { workers } });
    } else if (dice < 0.72) {
      const expectedVersion = version - (random() < 0.3 ? 1 : 0);
      const answer = await world.rig.edit(id, { name: hint }, { expectedVersion });
      if (state === "started") {
        expect(answer, hint).toMatchObject({ error: { code: "campaign.refused" } });
      } else if (expectedVersion === version) {
        version += 1;
        expect(answer, hint).toMatchObject({ value: { version, name: hint } });
      } else {
        expect(answer, hint).toMatchObject({ error: { code: "campaign.conflict" } });
      }
    } else if (dice < 0.76) {
      world.rig.clock.jump(Math.floor((random() - 0.5) * 10_000_000));
    } else if (dice < 0.9) {
      await world.rig.advance(Math.floor(random() * 3_000));
    } else {
      await restart(world);
    }
    const stored = await world.stores.campaigns.read(id);
    // A reboot is a run that takes up what a dead worker held.
    const shown = stored!.state === "reboot" ? "started" : stored!.state;
    const campaign = { ...stored!, state: shown };
    if (state === "started" && campaign.state === "finished") {
      state = "finished";
      changes += 1;
    }
    expect(campaign, hint).toMatchObject({ state, epoch, version });
    const log = (await world.rig.log(id)).filter(
      ({ from, to }) => from !== to && to !== "reboot" && !(from === "reboot" && to === "started"),
    );
    expect(log.length + 1, hint).toBe(changes);
    const { progress } = await world.rig.read(id);
    expect(progress.ledgerGap, hint).toBe(0);
    expect(repeated(world.provider.items.map((item) => item.id)), hint).toEqual([]);
  }
}

test("whatever happens, the campaign is in the state that the model says", {
  timeout: 30_000,
}, async () => {
  for (let seed = 1; seed <= 25; seed += 1) await play(seed);
});
