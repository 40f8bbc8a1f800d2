import { audiencesOf } from "../../core/condition.ts";
import { RuntimeError } from "../../core/errors.ts";
import { MEMBER_BUCKETS } from "../../core/member-rules.ts";
import type { AudienceSource, AudienceStore } from "../../persistence/ports/audience.ts";
import type { CollectionPlan } from "../../persistence/ports/collections.ts";
import type { MemberStore } from "../../persistence/ports/members.ts";
import type { Audience } from "./messages.ts";
import { partitionsForRows } from "./partitions.ts";

interface PlanDeps {
  readonly audiences: Pick<AudienceStore, "read">;
  readonly members: Pick<MemberStore, "count">;
}

/**
 * Decides how an audience is collected: in as many partitions as its size asks for.
 *
 * @throws RuntimeError `audience.unknown` or `audience.not-ready` for an audience that it names.
 */
export async function planCollection(
  source: AudienceSource,
  now: number,
  deps: PlanDeps,
): Promise<CollectionPlan> {
  const named = source.type === "condition" ? audiencesOf(source.condition) : source.audiences;
  const operands = await Promise.all(named.map((id) => mustBeReady(deps.audiences, id)));
  const rows = await rowsOf(source, operands, now, deps);
  // A partition is made of whole buckets of members.
  return { source, partitions: Math.min(MEMBER_BUCKETS, partitionsForRows(rows)), now };
}

async function rowsOf(
  source: AudienceSource,
  operands: readonly Audience[],
  now: number,
  { members }: PlanDeps,
): Promise<number> {
  const sizes = operands.map(({ size }) => size);
  switch (source.type) {
    case "condition": {
      const { condition, address } = source;
      return (await members.count({ condition, now, address })).eligible;
    }
    case "union":
      return sizes.reduce((sum, size) => sum + size, 0);
    case "intersection":
      return Math.min(...sizes);
    case "difference":
      return sizes[0] ?? 0;
  }
}

async function mustBeReady(audiences: PlanDeps["audiences"], id: string): Promise<Audience> {
  const audience = await audiences.read(id);
  if (audience === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${id}`);
  }
  if (audience.state === "ready") return audience;
  throw new RuntimeError("audience.not-ready", `audience ${id} is ${audience.state}`);
}
