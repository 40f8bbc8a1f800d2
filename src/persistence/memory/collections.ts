import { RuntimeError } from "../../core/errors.ts";
import { isFinal, isRunning } from "../../core/task.ts";
import type { Audience, AudienceAt } from "../ports/audience.ts";
import type { CampaignStore } from "../ports/campaign.ts";
import type {
  CollectionPart,
  CollectionPlan,
  CollectionStore,
  PullState,
} from "../ports/collections.ts";
import type { Synchronous } from "../synchronous.ts";
import type { MemoryAudiences } from "./audience.ts";
import { copyOf } from "./rows.ts";

interface Entry {
  readonly plan: CollectionPlan;
  readonly parts: Map<number, CollectionPart>;
  pull: PullState | undefined;
}

type Campaigns = Pick<Synchronous<CampaignStore>, "list">;

export function memoryCollections(
  audiences: MemoryAudiences,
  campaigns: Campaigns,
): Synchronous<CollectionStore> {
  const entries = new Map<string, Entry>();
  const runs = (id: string): boolean => isRunning(audiences.read(id)?.state ?? "ready");
  const runsIn = (id: string, epoch: number): Entry | undefined =>
    runs(id) && audiences.read(id)?.epoch === epoch ? entries.get(id) : undefined;
  return {
    transition(audience, expected, plan) {
      const { id } = audience;
      const before = mustBe(audiences.read(id), id, expected);
      if (plan !== undefined) {
        if (before.state === "finished") mustBeFree(id, campaigns, entries);
        for (const operand of plan.operands) mustBeFinished(audiences.read(operand), operand);
        audiences.drop(id, "content");
        entries.delete(id);
        entries.set(id, { plan: copyOf(plan), parts: new Map(), pull: undefined });
      } else if (isFinal(audience.state)) {
        audiences.drop(id, "heap");
        entries.delete(id);
      }
      audiences.update(audience);
    },
    running: () => [...entries.keys()].filter(runs),
    run(audience) {
      const entry = entries.get(audience);
      if (entry === undefined) return undefined;
      const parts = [...entry.parts.values()].sort((a, b) => a.partition - b.partition);
      return { ...copyOf({ plan: entry.plan, parts }), pull: copyOf(entry.pull) };
    },
    addPart(audience, epoch, part, pages) {
      const entry = runsIn(audience, epoch);
      if (entry === undefined) return false;
      if (!entry.parts.has(part.partition)) {
        entry.parts.set(part.partition, copyOf(part));
        audiences.seal(audience, part.partition, pages);
      }
      return true;
    },
    addPulled(audience, { epoch, state, chunks, errors }) {
      const entry = runsIn(audience, epoch);
      if (entry === undefined || (entry.pull?.pages ?? 0) !== state.pages - 1) return false;
      entry.pull = copyOf(state);
      audiences.spill(audience, chunks);
      audiences.addErrors(audience, errors);
      return true;
    },
  };
}

function mustBe(found: Audience | undefined, id: string, expected: AudienceAt): Audience {
  if (found === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${id}`);
  }
  if (found.state === expected.state && found.epoch === expected.epoch) return found;
  throw new RuntimeError("store.conflict", `${id} is ${found.state} in epoch ${found.epoch}`);
}

function mustBeFree(id: string, campaigns: Campaigns, entries: Map<string, Entry>): void {
  const { items } = campaigns.list({ limit: Number.MAX_SAFE_INTEGER });
  const isRead = [...entries.values()].some(({ plan }) => plan.operands.includes(id));
  if (!isRead && items.every(({ audience }) => audience !== id)) return;
  throw new RuntimeError("audience.in-use", `audience ${id} is frozen: something has it`);
}

function mustBeFinished(operand: Audience | undefined, id: string): void {
  if (operand?.state === "finished") return;
  const state = operand?.state ?? "not there";
  throw new RuntimeError("audience.not-ready", `audience ${id} is ${state}, not finished`);
}
