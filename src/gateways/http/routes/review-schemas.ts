import { z } from "zod";
import { RECEIPT_STATUSES } from "../../../core/receipt.ts";
import { answer, count, instant, request, text, userId } from "../schemas.ts";

const recipientState = z.enum([
  "untouched",
  "in-doubt",
  "delivered",
  "handed",
  "held",
  "refused",
  "invalid",
  "unknown",
  "capped",
  "skipped",
]);

export const remedy = answer(
  "Remedy",
  z.object({
    do: z.string().describe("`resolve-delivered`, `resolve-resend`, `resume` ..."),
    means: z.string(),
  }),
);

export const outcome = z.object({
  member: z.string(),
  page: z.string().describe("`partition/k` of the recipient's page."),
  index: count.describe("Their place in it."),
  arm: z.string().describe("`default` without an A/B test; `control` gets nothing."),
  version: count.describe("The campaign's version that it was sent with; 0: it was not."),
  state: recipientState,
  rule: z.string().describe("What decided; empty when nothing did."),
  reason: z.string(),
  providerId: z.string().describe("What the provider calls it."),
  receipt: z.string().describe("The last thing that the provider told later."),
});

const receipt = z.object({
  provider: z.string(),
  message: z.string(),
  part: count,
  status: z.enum(RECEIPT_STATUSES),
  at: instant,
  reason: z.string(),
});

export const why = answer(
  "Why",
  z.object({
    campaign: z.string(),
    epoch: count,
    member: z.string(),
    inAudience: z.boolean(),
    answer: z.string().describe("In plain words."),
    outcome: outcome.optional(),
    page: z
      .object({ size: count, done: count, intent: count })
      .optional()
      .describe("Their page: what is before `done` is settled, up to `intent` in doubt."),
    inbox: z
      .object({ state: z.string(), at: instant })
      .optional()
      .describe("`pending`, or how it ended and when, if it went to an inbox."),
    receipts: z.array(receipt),
    can: z.array(remedy).describe("What can be done."),
  }),
);

export const unknownRecipient = answer(
  "UnknownRecipient",
  outcome.extend({ can: z.array(remedy) }),
);

export const resolution = request(
  "Resolution",
  z.strictObject({
    as: z
      .enum(["delivered", "resend", "give-up"])
      .describe("They got it; send it again under the same id; or leave them without."),
    members: z
      .array(userId)
      .min(1)
      .max(1000)
      .optional()
      .describe("Absent: everybody who is unknown, up to 10 000 in one call."),
    why: text(500).meta({ examples: ["the provider's list has them"] }),
  }),
);

export const resolved = answer(
  "Resolved",
  z.object({
    as: z.enum(["delivered", "resend", "give-up"]),
    delivered: count,
    refused: count,
    unknown: count.describe("Not settled by it, or still to be sent again at the campaign's rate."),
    notUnknown: count.describe("Named, and not unknown: left alone."),
    more: z.boolean().describe("Whether there are more than one call settles."),
  }),
);

const dryCounts = z.object({
  recipients: count,
  sent: count,
  held: count.describe("In the control group."),
  capped: count.describe("Over the frequency cap."),
  missingVariable: count,
  late: count.describe("Their time is too long past."),
  blocked: count.describe("Opted out, or suppressed, after the audience was made."),
});

export const dryRun = answer(
  "DryRun",
  z.object({
    campaign: z.string(),
    counts: dryCounts,
    arms: z.record(z.string(), dryCounts),
    locales: z.record(z.string(), dryCounts),
    zones: z.array(
      z.object({
        zone: z.string().describe("Empty for those whose time zone is not known."),
        recipients: count,
        opensAt: instant,
        isQuiet: z.boolean().describe("Quiet hours hold it up."),
      }),
    ),
    startsAt: z.int().describe("When the first message would go; -1 when nobody gets one."),
    endsAt: z.int().describe("When the last one would go; -1 when it cannot be said."),
    etaMs: z.int().describe("From now until then; -1 when it cannot be said."),
    pace: z.string().describe("What the estimate rests on."),
    samples: z.array(
      z.object({ member: z.string(), arm: z.string(), locale: z.string(), payload: z.string() }),
    ),
    missing: z
      .array(z.object({ member: z.string(), variable: z.string() }))
      .describe("Some who would not get it for want of a variable."),
    price: z.object({
      operationsPerMessage: z.number(),
      inDoubtMax: count.describe("Recipients that a crash may leave in doubt, at most."),
      afterPauseMax: count.describe("Messages that still go after a pause, at most."),
      doubt: z.string().describe("What becomes of those in doubt."),
    }),
    certificate: z.object({
      id: z.string(),
      campaign: z.string(),
      audienceHash: z.string(),
      templateHash: z.string(),
      at: instant,
      by: z.string(),
    }),
  }),
);

export const newTest = request(
  "NewTest",
  z.strictObject({
    members: z
      .array(userId)
      .min(1)
      .max(100)
      .meta({ examples: [["m-1"]] }),
  }),
);

export const testAnswer = answer(
  "TestAnswer",
  z.object({
    items: z.array(
      z.object({
        member: z.string(),
        status: z.string().describe("As the provider says; `missing-variable`: not sent."),
        reason: z.string(),
        payload: z.string().describe("The JSON that was sent; its field `test` says so."),
      }),
    ),
  }),
);
