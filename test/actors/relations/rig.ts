import { clerkType } from "../../../src/actors/inbox/behavior.ts";
import { CLERK } from "../../../src/actors/inbox/messages.ts";
import { CLERK_LIMITS, clerkFigures, newClerk } from "../../../src/actors/inbox/state.ts";
import type { ActorType } from "../../../src/actors/kernel/actor.ts";
import { relationsDesk } from "../../../src/actors/relations/behavior.ts";
import {
  type ChangeAnswer,
  RELATIONS,
  type RelationChange,
} from "../../../src/actors/relations/messages.ts";
import { newRelations, type RelationsLimits } from "../../../src/actors/relations/state.ts";
import { type UserMessage, userKind } from "../../../src/actors/user/messages.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import type { Reach } from "../../../src/core/relations.ts";
import { ok, type Result } from "../../../src/core/result.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { RelationStore } from "../../../src/persistence/ports/relations.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

export interface RigOptions {
  readonly limits?: Partial<RelationsLimits>;
  /** A second rig on the same stores is a restart. */
  readonly stores?: Stores;
  readonly boardsBind?: boolean;
  readonly withoutClerk?: boolean;
}

/** The relations desk on virtual time, with a real inbox clerk and users that record. */
export function rig(options: RigOptions = {}) {
  const clock = new VirtualClock();
  const stores = options.stores ?? memoryStores({ inboxPerUserMax: 100, clock });
  const kit = testSystem({ clock });
  const { system, settle } = kit;
  const down = new Set<keyof RelationStore>();
  const relations = withOutages(stores.relations, down);
  let ids = 0;
  const type = relationsDesk({
    ...{ relations, audit: stores.audit, logger: silentLogger, metrics: noMetrics },
    boardsBind: options.boardsBind ?? true,
    newId: (prefix) => `${prefix}-${++ids}`,
    limits: options.limits,
  });
  const openClerk = () => {
    const figures = clerkFigures(noMetrics);
    const limits = CLERK_LIMITS;
    const clerk = clerkType({ store: stores.inbox, logger: silentLogger, figures, limits });
    system.spawn(clerk, { name: CLERK, state: newClerk() });
  };
  if (options.withoutClerk !== true) openClerk();
  const desk = system.spawn(type, { name: RELATIONS, state: newRelations() });

  return {
    ...kit,
    ...{ stores, desk, down, openClerk },
    /** A principal that is here; returns what its actor is sent. */
    arrive(principal: string): UserMessage[] {
      const received: UserMessage[] = [];
      system.spawn(recorder(received), { name: principal, state: null });
      return received;
    },
    /** Makes changes one after the other; returns the last answer. */
    async change(changes: RelationChange | readonly RelationChange[], by?: string) {
      const replyTo = probe<Result<ChangeAnswer>>();
      for (const change of [changes].flat() as RelationChange[]) {
        desk.send({ type: "change", change, by, replyTo });
        await settle();
      }
      return replyTo.last;
    },
    reach(principal: string) {
      const replyTo = probe<Result<Reach>>();
      desk.send({ type: "reach", principal, replyTo });
      return replyTo;
    },
    /** The status events in somebody's inbox. */
    async told(user: string): Promise<string[]> {
      const [inbox] = await stores.inbox.read([user], 0);
      return inbox!.items.map(({ payload }) => (JSON.parse(payload) as { event: string }).event);
    },
  };
}

/** The reaches among what a user was sent, as their lists of principals. */
export function reachesOf(received: readonly UserMessage[]): string[][] {
  return received.flatMap((message) =>
    message.type === "reach" ? [[...message.reach.roles.keys()].sort()] : [],
  );
}

function recorder(received: UserMessage[]): ActorType<null, UserMessage> {
  return {
    label: "user",
    kind: userKind,
    behavior: (state, message, ctx) => {
      if (message.type !== "list-sessions") received.push(message);
      else ctx.reply(message, ok([{ id: "s1", device: "phone" }]));
      return state;
    },
  };
}

/** The methods that are down fail; the others are those of the store. */
function withOutages(store: RelationStore, down: ReadonlySet<keyof RelationStore>): RelationStore {
  const names = Object.keys(store) as (keyof RelationStore)[];
  const methods = names.map((name) => {
    const call = store[name] as (...args: readonly unknown[]) => Promise<unknown>;
    return [
      name,
      async (...args: readonly unknown[]) => {
        if (down.has(name)) throw new RuntimeError("store.unavailable", `${name} is down`);
        return call(...args);
      },
    ];
  });
  return Object.fromEntries(methods) as unknown as RelationStore;
}
