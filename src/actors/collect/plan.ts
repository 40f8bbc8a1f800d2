import { audiencesOf } from "../../core/condition.ts";
import { RuntimeError } from "../../core/errors.ts";
import { MEMBER_BUCKETS } from "../../core/member-rules.ts";
import type { AudienceSource, AudienceStore } from "../../persistence/ports/audience.ts";
import type { CollectionPlan } from "../../persistence/ports/collections.ts";
import type { MemberStore } from "../../persistence/ports/members.ts";
import type { Audience, MemberApi } from "./messages.ts";
import { partitionsFor, partitionsForRows } from "./partitions.ts";

interface PlanDeps {
  readonly audiences: Pick<AudienceStore, "read">;
  readonly members: Pick<MemberStore, "count">;
  readonly memberApi: Pick<MemberApi, "check">;
}

/**
 * Decides how an audience is collected: in as many partitions as its size asks for.
 *
 * @throws RuntimeError `audience.unknown` or `audience.not-ready` for an audience that it names,
 * `pull.refused` for a member API that this node may not call.
 */
export async function planCollection(
  source: AudienceSource,
  now: number,
  deps: PlanDeps,
): Promise<CollectionPlan> {
  const operands = await checkSource(source, deps);
  const partitions = await partitionsOf(source, operands, now, deps);
  return { source, operands: operands.map(({ id }) => id), partitions, now };
}

/** The audiences that a source names. @throws RuntimeError as `planCollection`. */
export async function checkSource(
  source: AudienceSource,
  { audiences, memberApi }: Pick<PlanDeps, "audiences" | "memberApi">,
): Promise<readonly Audience[]> {
  if (source.type === "pull") memberApi.check(source);
  return Promise.all(namedBy(source).map((id) => mustBeFinished(audiences, id)));
}

function namedBy(source: AudienceSource): readonly string[] {
  switch (source.type) {
    case "pull":
      return [];
    case "condition":
      return audiencesOf(source.condition);
    case "union":
    case "intersection":
    case "difference":
      return source.audiences;
  }
}

async function partitionsOf(
  source: AudienceSource,
  operands: readonly Audience[],
  now: number,
  { members }: PlanDeps,
): Promise<number> {
  const sizes = operands.map(({ size }) => size);
  switch (source.type) {
    case "pull":
      return partitionsFor(0);
    case "condition": {
      const { condition, address } = source;
      const { eligible } = await members.count({ condition, now, address });
      // A partition is made of whole buckets of members.
      return Math.min(MEMBER_BUCKETS, partitionsForRows(eligible));
    }
    case "union":
      return partitionsForRows(sizes.reduce((sum, size) => sum + size, 0));
    case "intersection":
      return partitionsForRows(Math.min(...sizes));
    case "difference":
      return partitionsForRows(sizes[0] ?? 0);
  }
}

async function mustBeFinished(audiences: PlanDeps["audiences"], id: string): Promise<Audience> {
  const audience = await audiences.read(id);
  if (audience === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${id}`);
  }
  if (audience.state === "finished") return audience;
  const message = `audience ${id} is ${audience.state}, not finished`;
  throw new RuntimeError("audience.not-ready", message);
}
