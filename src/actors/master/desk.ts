import type { NewId } from "../../core/random.ts";
import { fail, type Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { CampaignStore } from "../../persistence/ports/campaign.ts";
import type { Provider } from "../../providers/provider.ts";
import type { ActorType, Behavior, Context } from "../kernel/actor.ts";
import { answer, type Forward } from "../kernel/answer.ts";
import { unknownTask } from "../task/judged.ts";
import type { WorkerReport } from "../worker/messages.ts";
import {
  type Campaign,
  type CampaignMessage,
  campaignDeskKind,
  campaignKind,
  type MasterMessage,
} from "./messages.ts";
import { checkAudience, checkSpec } from "./spec.ts";

export interface CampaignDeskDeps {
  readonly campaigns: CampaignStore;
  readonly audiences: AudienceStore;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly newId: NewId;
}

type Message =
  | CampaignMessage
  | Forward
  | {
      readonly type: "recovered";
      readonly request: Request<"recover">;
      readonly outcome: Result<readonly string[]>;
    };

type Ctx = Context<Message>;
type Request<Type extends CampaignMessage["type"]> = Extract<CampaignMessage, { type: Type }>;

/** The shape of ids that this desk gives out; anything else names no campaign. */
const ID = /^[\w-]{1,64}$/;
const RECOVER_PAGE = 1_000;

/** The desk that knows every campaign: creates, lists, and sends the rest to its master. */
export function campaignDesk(deps: CampaignDeskDeps): ActorType<null, Message> {
  return {
    label: "campaigns",
    kind: campaignDeskKind,
    behavior: deskBehavior(deps),
    restart: "permanent",
  };
}

function deskBehavior(deps: CampaignDeskDeps): Behavior<null, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "create-campaign":
        create(message, deps, ctx);
        break;
      case "list-campaigns":
        answer(state, ctx, message, () => deps.campaigns.list(message.request));
        break;
      case "read-log":
        answer(state, ctx, message, () => readLog(message, deps));
        break;
      case "list-versions":
        answer(state, ctx, message, async () => {
          await mustExist(message.id, deps);
          return deps.campaigns.versions(message.id, message.request);
        });
        break;
      case "read-campaign":
      case "command":
      case "edit-campaign":
      case "tune-campaign":
      case "resend":
      case "subscribe":
      case "unsubscribe":
        toMaster(message, ctx);
        break;
      case "recover":
        recover(message, deps, ctx);
        break;
      case "recovered":
        recovered(message, ctx);
        break;
      case "forward":
        message.reply(ctx);
        break;
    }
    return state;
  };
}

function create(request: Request<"create-campaign">, deps: CampaignDeskDeps, ctx: Ctx): void {
  const at = ctx.now;
  answer(null, ctx, request, async () => {
    const { spec, by, id = deps.newId("cmp") } = request;
    const made = await deps.campaigns.read(id);
    if (made !== undefined) return made;
    checkSpec(spec, deps.providers);
    await checkAudience(spec.audience, deps.audiences);
    const campaign: Campaign = {
      ...spec,
      id,
      state: "ready",
      why: "created",
      epoch: 0,
      version: 1,
      run: { resumedAt: 0, canary: "none" },
      createdAt: at,
      changedAt: at,
    };
    await deps.campaigns.create(campaign, by);
    return campaign;
  });
}

async function readLog({ id, request }: Request<"read-log">, deps: CampaignDeskDeps) {
  await mustExist(id, deps);
  return deps.campaigns.log(id, request);
}

async function mustExist(id: string, deps: CampaignDeskDeps): Promise<void> {
  if ((await deps.campaigns.read(id)) === undefined) throw unknownTask("campaign", id);
}

function toMaster(
  request: Exclude<MasterMessage, WorkerReport | { readonly type: "wake" | "quiesce" }>,
  ctx: Ctx,
): void {
  if (request.type === "unsubscribe") {
    const master = ctx.find(campaignKind, request.id);
    if (master !== undefined) ctx.send(master, request);
    return;
  }
  if (ID.test(request.id)) ctx.send(ctx.entity(campaignKind, request.id), request);
  else ctx.reply<Result<never>>(request, fail(unknownTask("campaign", request.id)));
}

/** Finds what was running when the node stopped. */
function recover(request: Request<"recover">, deps: CampaignDeskDeps, ctx: Ctx): void {
  ctx.perform(
    async () => {
      const ids: string[] = [];
      for (const state of ["started", "reboot"] as const) {
        let after: string | undefined;
        do {
          const page = await deps.campaigns.list({ state, after, limit: RECOVER_PAGE });
          for (const { id } of page.items) ids.push(id);
          after = page.next;
        } while (after !== undefined);
      }
      return ids;
    },
    (outcome) => ({ type: "recovered", request, outcome }),
  );
}

function recovered(message: Extract<Message, { type: "recovered" }>, ctx: Ctx): void {
  const { request, outcome } = message;
  if (!outcome.ok) {
    ctx.reply(request, outcome);
    return;
  }
  for (const id of outcome.value) ctx.send(ctx.entity(campaignKind, id), { type: "wake" });
  ctx.reply(request, { ok: true, value: outcome.value.length });
}
