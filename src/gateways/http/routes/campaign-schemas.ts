import { z } from "zod";
import {
  answer,
  count,
  DAY_MS,
  instant,
  ledger,
  payload,
  request,
  text,
  ttlMs,
} from "../schemas.ts";
import { taskState } from "./task-schemas.ts";

export const guarantee = z.enum(["at-most-once", "at-least-once", "key", "receipt"]);

const LOCALES_MAX = 100;
const ARMS_MAX = 20;

const guaranteeDetails =
  "What happens to a window that was in doubt after a crash: marked `unknown`, sent again, sent " +
  "again with the same idempotency key, or sent again to those without a receipt. Default `key` " +
  "with the provider `session`, otherwise `at-most-once`.";

const locales = z
  .record(z.string().regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, "a locale, as pt-BR"), payload)
  .refine((it) => Object.keys(it).length <= LOCALES_MAX, `at most ${LOCALES_MAX} locales`)
  .describe("Payload by locale, as `pt-BR` or `pt`; the member's variable `locale` chooses.");

const percent = z.number().gt(0).max(100);
const timeZone = text(64).describe("An IANA time zone, as `Europe/Paris`.");
const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of day, as 22:00");

const arm = z.strictObject({
  name: text(64),
  percent: percent.describe("Share of the members, by a stable hash."),
  payload: payload.optional().describe("Absent: the campaign's own."),
  locales: locales.optional(),
});

const maxLatenessMs = z
  .int()
  .min(0)
  .max(30 * DAY_MS)
  .default(3_600_000)
  .describe("What has not begun so long after its time waits until somebody resumes it.");

const schedule = z
  .union([
    z.strictObject({ at: instant, maxLatenessMs }),
    z.strictObject({
      local: z
        .string()
        .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/, "a local time, as 2026-12-24T18:00"),
      defaultTimeZone: timeZone,
      maxLatenessMs,
    }),
  ])
  .describe("When it goes, once started: at an instant, or at each member's local time.");

const quietHours = z
  .strictObject({
    from: clockTime,
    to: clockTime,
    zone: text(64).default("member").describe("`member`, or an IANA time zone."),
  })
  .describe("Hours in which nothing is sent.");

const cap = z
  .strictObject({
    max: z.int().min(1).max(1_000),
    perMs: z
      .int()
      .min(1_000)
      .max(31 * DAY_MS),
  })
  .describe("Most messages per member, counted over all campaigns that have a cap.");

const canary = z
  .strictObject({
    pages: z.int().min(1).max(10_000).describe("Pages of up to 1000 members to begin with."),
    errorRateMax: z.number().min(0).max(1).default(0.05),
    refusalRateMax: z.number().min(0).max(1).default(0.1),
  })
  .describe("Sends the first pages alone, and pauses by itself when too many go wrong.");

const name = text(200).meta({ examples: ["spring"] });
const audience = text(128)
  .meta({ examples: ["aud_8Jm1cJ3kTZq5n0b2V4xY7w"] })
  .describe("Id of an audience that is ready.");
const provider = text(64).describe("Who sends: `session`, `null` to measure, or a webhook.");
const topic = text(128).describe("What devices see it under.");
const content = payload
  .meta({ examples: [{ text: "Hello {{name|friend}}" }] })
  .describe("Any JSON; texts may hold `{{variable}}` or `{{variable|fallback}}`.");
const ack = z.boolean().describe("Whether devices confirm it.");
const ttl = ttlMs.describe("How long a message waits for its member.");
const rate = z.int().min(0).max(1_000_000).describe("Messages per second; 0: no limit.");
const workers = z.int().min(1).max(64);
const window = z.int().min(1).max(10_000).describe("Recipients per journal step.");
const inFlight = z.int().min(1).max(16).describe("Windows on their way per worker.");
const guaranteed = guarantee.describe(guaranteeDetails);

/** What a campaign may go without; null in an edit takes it away. */
const parts = {
  locales,
  link: text(2_000).describe(
    "A template of the payload's field `link`: https://, http://, a path or an app's scheme, " +
      "written out; a variable may follow, and `javascript:`, `data:` and the like are refused.",
  ),
  arms: z.array(arm).min(1).max(ARMS_MAX).describe("An A/B test."),
  controlPercent: percent.describe("Share of the members that get nothing."),
  schedule,
  quietHours,
  cap,
  canary,
  requireDryRun: z.boolean().describe("A start needs a dry run of just this."),
};

export const newCampaign = request(
  "NewCampaign",
  z.strictObject({
    ...{ name, audience, provider: provider.default("session") },
    ...{ topic: topic.default("campaign"), payload: content },
    ...{ ack: ack.default(true), ttlMs: ttl.default(DAY_MS), rate: rate.default(0) },
    ...{ workers: workers.default(2), window: window.default(200), inFlight: inFlight.default(2) },
    guarantee: guaranteed.optional(),
    ...z.strictObject(parts).partial().shape,
  }),
);

const why = text(500).default("asked for").describe("For the campaign's log.");

export const campaignEdit = request(
  "CampaignEdit",
  z
    .strictObject({
      ...z
        .strictObject({
          ...{ name, audience, provider, topic, payload: content, ack, ttlMs: ttl, rate },
          ...{ workers, window, inFlight, guarantee: guaranteed },
        })
        .partial().shape,
      locales: parts.locales.nullable().optional(),
      link: parts.link.nullable().optional(),
      arms: parts.arms.nullable().optional(),
      controlPercent: parts.controlPercent.nullable().optional(),
      schedule: parts.schedule.nullable().optional(),
      quietHours: parts.quietHours.nullable().optional(),
      cap: parts.cap.nullable().optional(),
      canary: parts.canary.nullable().optional(),
      requireDryRun: parts.requireDryRun.nullable().optional(),
      expectedVersion: z.int().min(1).optional().describe("Refused when it is another by now."),
      why,
    })
    .meta({ examples: [{ payload: { text: "Hi" }, cap: null, expectedVersion: 1 }] }),
);

export const campaignPace = request(
  "CampaignPace",
  z.strictObject({ workers: workers.optional(), rate: rate.optional(), why }),
);

export const campaign = answer(
  "Campaign",
  z.object({
    id: z.string(),
    name: z.string(),
    audience: z.string(),
    provider: z.string(),
    topic: z.string(),
    payload: z.unknown(),
    locales: z.record(z.string(), z.unknown()).optional(),
    link: z.string().optional(),
    arms: z
      .array(
        z.object({
          name: z.string(),
          percent: z.number(),
          payload: z.unknown().optional(),
          locales: z.record(z.string(), z.unknown()).optional(),
        }),
      )
      .optional(),
    controlPercent: z.number().optional(),
    ack: z.boolean(),
    ttlMs: count,
    rate: count,
    workers: count,
    window: count,
    inFlight: count,
    guarantee,
    schedule: z
      .union([
        z.object({ at: instant, maxLatenessMs: count }),
        z.object({ local: z.string(), defaultTimeZone: z.string(), maxLatenessMs: count }),
      ])
      .optional(),
    quietHours: z.object({ from: z.string(), to: z.string(), zone: z.string() }).optional(),
    cap: z.object({ max: count, perMs: count }).optional(),
    canary: z
      .object({ pages: count, errorRateMax: z.number(), refusalRateMax: z.number() })
      .optional(),
    requireDryRun: z.boolean().optional(),
    state: taskState,
    why: z.string().describe("Why it is in this state."),
    epoch: count.describe("Grows with every start; 0 before the first."),
    version: count.describe("Grows with every edit, from 1."),
    run: z
      .object({
        resumedAt: count.describe("When somebody last resumed this run; 0: nobody has."),
        canary: z.enum(["none", "trial", "passed", "halted", "overruled"]),
        request: z.string().optional().describe("Which request began it."),
      })
      .describe("What the present run remembers."),
    createdAt: instant,
    changedAt: instant,
  }),
);

const sendCounts = answer(
  "SendCounts",
  z.object({
    delivered: count,
    handed: count.describe("Taken by the provider, which settles them later."),
    shed: count.describe("Refused, or given up after retries."),
    unknown: count.describe("In doubt."),
    invalid: count.describe("Their address is bad."),
    held: count.describe("In the control group."),
    capped: count.describe("Over the frequency cap."),
    skipped: count.describe("Not sent for another rule, as a variable without value."),
  }),
);

const pageShown = z.object({
  partition: count,
  k: count,
  size: count,
  zone: z.string().describe("Time zone of its recipients; empty when not known."),
});

const providerState = z
  .object({
    inFlight: count,
    waiting: count,
    items: z.record(z.string(), count),
    latencyMs: z.number(),
    gates: z.record(z.string(), z.record(z.string(), z.union([z.number(), z.string()]))),
  })
  .describe("Of a provider with limits around it.");

export const progress = answer(
  "Progress",
  z.object({
    id: z.string(),
    state: taskState,
    why: z.string(),
    epoch: count,
    version: count,
    collected: count.describe("Recipients of the audience."),
    sent: count.describe("Recipients that a worker has dealt with."),
    acked: count,
    inInbox: count.describe("Waiting in inboxes, or unconfirmed."),
    rate: z.number().min(0).describe("Messages per second over the last seconds."),
    etaMs: z.number().describe("Until everything is sent; -1 when it cannot be said."),
    pauseBound: count.describe("Messages that may still go after a pause."),
    counts: sendCounts.describe("What became of those dealt with."),
    arms: z.record(z.string(), sendCounts).describe("The same by A/B arm."),
    workerStates: z.array(
      z.object({
        name: z.string(),
        state: z.enum(["resting", "claiming", "sending"]),
        page: pageShown.optional(),
        done: count,
        intent: count,
        settled: count.describe("Recipients that it has settled since it was made."),
        silentMs: count.describe("Since it was last heard of."),
      }),
    ),
    provider: providerState.optional(),
    oldestWindowMs: count.describe("How long the oldest window has been under way."),
    opensAt: count.describe("When pages that wait for their time may go; 0: none waits."),
    lateZones: z
      .array(z.string())
      .optional()
      .describe("Time zones that are too late to go; the campaign pauses when only they are left."),
    ledger,
    ledgerGap: z.int().describe("`accepted` minus the rest; anything but 0 is a fault."),
    workers: count,
    at: instant,
  }),
);

export const specVersion = answer(
  "SpecVersion",
  z.object({
    version: count,
    spec: campaign.omit({
      ...{ id: true, state: true, why: true, epoch: true, version: true, run: true },
      ...{ createdAt: true, changedAt: true },
    }),
    by: z.string(),
    why: z.string(),
    at: instant,
  }),
);

export const price = answer(
  "Price",
  z.object({
    operationsPerMessage: z.number().describe("Calls to the store, with full pages."),
    inDoubtMax: count.describe("Recipients of whom a crash may leave nothing known."),
    afterPauseMax: count.describe("Messages that still go after a pause."),
    doubt: z.string().describe("What becomes of recipients in doubt."),
  }),
);
