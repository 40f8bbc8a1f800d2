import { RuntimeError } from "../../core/errors.ts";
import { isFinal, isRunning } from "../../core/task.ts";
import type { Audience, AudienceAt } from "../ports/audience.ts";
import type { CollectionPart, CollectionPlan, PullState } from "../ports/collections.ts";
import type { Synchronous } from "../synchronous.ts";
import type { AudienceMembers } from "./audience-members.ts";
import type { Database } from "./database.ts";
import type { AudienceTexts, CollectionTexts } from "./wire.ts";

interface PlanRow {
  readonly audience: string;
  readonly plan: string;
  readonly pull: string | null;
}

/** The collection port's SQL. Records and pages are written by the audience port's operations. */
export function collectionOperations(
  db: Database,
  audiences: Synchronous<AudienceTexts>,
  frozen: AudienceMembers,
): Synchronous<CollectionTexts> {
  return { ...taskOperations(db, audiences, frozen), ...stepOperations(db, audiences) };
}

type TaskOperation = "transition" | "running" | "run";

function taskOperations(
  db: Database,
  audiences: Synchronous<AudienceTexts>,
  frozen: AudienceMembers,
): Pick<Synchronous<CollectionTexts>, TaskOperation> {
  return {
    transition(audience, expected, plan) {
      const { id } = audience;
      const before = mustBe(audiences.read(id), id, expected);
      if (plan !== undefined) {
        if (before.state === "finished") mustBeFree(db, id);
        for (const operand of plan.operands) mustBeFinished(audiences.read(operand), operand);
        clear(db, id);
        frozen.forget(id);
        const sql = "INSERT INTO collections (audience, plan) VALUES (?, ?)";
        db.run(sql, id, JSON.stringify(plan));
      } else if (isFinal(audience.state)) {
        forget(db, id);
      }
      audiences.update(audience);
    },

    running() {
      const sql = `SELECT c.audience FROM collections c JOIN audiences a ON a.id = c.audience
        WHERE a.state IN ('started', 'reboot') ORDER BY c.seq`;
      return db.rows<{ audience: string }>(sql).map((row) => row.audience);
    },

    run(audience) {
      const planSql = "SELECT audience, plan, pull FROM collections WHERE audience = ?";
      const row = db.row<PlanRow>(planSql, audience);
      if (row === undefined) return undefined;
      const sql = "SELECT part FROM collection_parts WHERE audience = ? ORDER BY partition";
      const parts = db.rows<{ part: string }>(sql, audience);
      return {
        plan: JSON.parse(row.plan) as CollectionPlan,
        pull: row.pull === null ? undefined : (JSON.parse(row.pull) as PullState),
        parts: parts.map(({ part }) => JSON.parse(part) as CollectionPart),
      };
    },
  };
}

type StepOperation = "addPart" | "addPulled";

function stepOperations(
  db: Database,
  audiences: Synchronous<AudienceTexts>,
): Pick<Synchronous<CollectionTexts>, StepOperation> {
  const runsIn = (id: string, epoch: number): boolean => {
    const audience = audiences.read(id);
    return audience !== undefined && audience.epoch === epoch && isRunning(audience.state);
  };

  return {
    addPart(audience, epoch, part, pages) {
      if (!runsIn(audience, epoch)) return false;
      const sql = `INSERT INTO collection_parts (audience, partition, part) VALUES (?, ?, ?)
        ON CONFLICT DO NOTHING`;
      const added = db.run(sql, audience, part.partition, JSON.stringify(part));
      if (added > 0) audiences.seal(audience, part.partition, pages);
      return true;
    },

    addPulled(audience, { epoch, state, chunks, errors }) {
      if (!runsIn(audience, epoch)) return false;
      const sql = `UPDATE collections SET pull = ?
        WHERE audience = ? AND coalesce(json_extract(pull, '$.pages'), 0) = ?`;
      if (db.run(sql, JSON.stringify(state), audience, state.pages - 1) === 0) return false;
      audiences.spill(audience, chunks);
      if (errors.length > 0) audiences.addErrors(audience, errors);
      return true;
    },
  };
}

function mustBe(found: Audience | undefined, id: string, expected: AudienceAt): Audience {
  if (found === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${id}`);
  }
  const { state, epoch } = found;
  if (state === expected.state && epoch === expected.epoch) return found;
  const wanted = `${expected.state} in epoch ${expected.epoch}`;
  throw new RuntimeError("store.conflict", `${id} is ${state} in epoch ${epoch}, not ${wanted}`);
}

/** @throws RuntimeError `audience.in-use` when a campaign or collection has the audience. */
function mustBeFree(db: Database, id: string): void {
  const campaign = db.row<{ id: string }>("SELECT id FROM campaigns WHERE audience = ?", id);
  if (campaign !== undefined) throw inUse(id, `campaign ${campaign.id}`);
  for (const { audience, plan } of db.rows<PlanRow>("SELECT audience, plan FROM collections")) {
    const { operands } = JSON.parse(plan) as CollectionPlan;
    if (operands.includes(id)) throw inUse(id, `audience ${audience}, which is collected of it`);
  }
}

function mustBeFinished(operand: Audience | undefined, id: string): void {
  if (operand?.state === "finished") return;
  const state = operand?.state ?? "not there";
  throw new RuntimeError("audience.not-ready", `audience ${id} is ${state}, not finished`);
}

function inUse(id: string, what: string): RuntimeError {
  return new RuntimeError("audience.in-use", `audience ${id} is frozen: ${what} has it`);
}

/** All that an earlier run has left. */
function clear(db: Database, audience: string): void {
  forget(db, audience);
  db.run("DELETE FROM audience_pages WHERE audience = ?", audience);
  db.run("DELETE FROM audience_errors WHERE audience = ?", audience);
}

/** What only a run needs. */
function forget(db: Database, audience: string): void {
  db.run("DELETE FROM collections WHERE audience = ?", audience);
  db.run("DELETE FROM collection_parts WHERE audience = ?", audience);
  db.run("DELETE FROM audience_spill WHERE audience = ?", audience);
}
