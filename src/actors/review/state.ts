import type { Clock } from "../../core/clock.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { NewId } from "../../core/random.ts";
import type { Audience, AudienceStore } from "../../persistence/ports/audience.ts";
import type { Campaign, CampaignStore } from "../../persistence/ports/campaign.ts";
import type { InboxStore } from "../../persistence/ports/inbox.ts";
import type { MemberStore } from "../../persistence/ports/members.ts";
import type { ReceiptStore } from "../../persistence/ports/receipts.ts";
import type { Provider } from "../../providers/provider.ts";
import type { Context } from "../kernel/actor.ts";
import type { Forward } from "../kernel/answer.ts";
import type { CampaignMessage } from "../master/messages.ts";
import type { ReviewMessage } from "./messages.ts";

/** What the review desk looks things up in. It changes nothing but what it is asked to settle. */
export interface ReviewDeps {
  readonly campaigns: CampaignStore;
  readonly audiences: AudienceStore;
  readonly inbox: Pick<InboxStore, "fate">;
  readonly members: Pick<MemberStore, "blocked">;
  readonly receipts: Pick<ReceiptStore, "ofPage" | "ofItem">;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Stands for every provider in a dry run: it takes what it is given and sends nothing. */
  readonly simulated: Provider;
  /** Asks the campaign itself to send again; answers as its `resend` does. */
  readonly resend: (
    id: string,
    pages: Extract<CampaignMessage, { readonly type: "resend" }>["pages"],
  ) => Promise<{ readonly delivered: number; readonly refused: number; readonly unknown: number }>;
  readonly clock: Clock;
  readonly newId: NewId;
}

export type Request<Type extends ReviewMessage["type"]> = Extract<
  ReviewMessage,
  { readonly type: Type }
>;

export type Message =
  | ReviewMessage
  | Forward
  | { readonly type: "heavy-done"; readonly reply: (ctx: Ctx) => void };

export type Ctx = Context<Message>;

export interface ReviewState {
  /** Questions in work that read a whole audience. */
  readonly heavy: number;
}

export const newReview: ReviewState = { heavy: 0 };

/** @throws RuntimeError `campaign.unknown`. */
export async function mustReadCampaign(deps: ReviewDeps, id: string): Promise<Campaign> {
  const campaign = await deps.campaigns.read(id);
  if (campaign !== undefined) return campaign;
  throw new RuntimeError("campaign.unknown", `there is no campaign ${id.slice(0, 64)}`);
}

/** @throws RuntimeError `audience.unknown`. */
export async function mustReadAudience(deps: ReviewDeps, campaign: Campaign): Promise<Audience> {
  const audience = await deps.audiences.read(campaign.audience);
  if (audience !== undefined) return audience;
  throw new RuntimeError("audience.unknown", `there is no audience ${campaign.audience}`);
}
