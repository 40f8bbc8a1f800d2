import { z } from "zod";
import { SECRET_FORM } from "./signature.ts";
import { vapidKeysOf, WEB_PUSH } from "./web-push.ts";

const WEBHOOKS_MAX = 32;
const DAY_MS = 86_400_000;

/** Names that campaigns know as something else. */
const TAKEN_NAMES: readonly string[] = ["null", "session", "simulated", "sms", WEB_PUSH];

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

/** One server of the user's own that campaigns send through. `docs/providers.md` explains it. */
export const webhookSettings = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/)
    .refine((name) => !TAKEN_NAMES.includes(name), `none of ${TAKEN_NAMES.join(", ")}`),
  url: z
    .string()
    .max(2048)
    .refine(isWebhookUrl, "an http: or https: address without a user, a password or a #fragment"),
  secrets: z
    .array(z.string().regex(SECRET_FORM))
    .min(1)
    .max(8)
    .describe("Signs what is sent and verifies receipts; several while they are exchanged."),
  maxBatch: int(1, 10_000, 100, "Items in one request."),
  maxInFlight: int(1, 1000, 16, "Requests at the same time; fewer when the server is slow."),
  timeoutMs: int(100, 600_000, 10_000, "Time for one request and its answer."),
  ratePerSecond: int(0, 1_000_000, 0, "Items per second; 0: no limit."),
  keyTtlMs: int(0, 365 * DAY_MS, 0, "How long the server recognises a repeated id; 0: not."),
  receipts: z.boolean().default(false).describe("Whether it reports what became of messages."),
});

export type WebhookSettings = z.infer<typeof webhookSettings>;

/** The push services of the browsers that there are. */
const PUSH_SERVICES: readonly string[] = [
  "fcm.googleapis.com",
  "jmt17.google.com",
  "*.push.services.mozilla.com",
  "*.push.apple.com",
  "*.notify.windows.com",
];

/** Members' browsers, reached through the push services of their vendors. */
export const webPushSettings = z.strictObject({
  subject: z
    .string()
    .max(256)
    .regex(/^(mailto:[^@\s]+@[^@\s]+|https:\/\/[^\s]+)$/, "mailto: and an address, or https:")
    .describe("Whom push services can turn to."),
  privateKey: z
    .string()
    .refine((it) => vapidKeysOf(it) !== undefined, "what `herald providers vapid-keys` prints")
    .optional()
    .describe("Proves to push services who sends. Without it one is made and kept."),
  services: z
    .array(z.string().max(256).refine(isService, "a host, *. and a domain, or an origin"))
    .min(1)
    .max(64)
    .default([...PUSH_SERVICES])
    .describe("Where messages may go; browsers of other push services are not taken."),
  urgency: z.enum(["very-low", "low", "normal", "high"]).default("normal"),
  subscriptionsMax: int(1, 100, 10, "Browsers of one member; the oldest are forgotten."),
  maxBatch: int(1, 1000, 100, "Members in one batch."),
  maxInFlight: int(1, 100, 8, "Batches at the same time; fewer when push services are slow."),
  connections: int(1, 1000, 64, "Connections to each push service."),
  timeoutMs: int(100, 600_000, 10_000, "Time for one request and its answer."),
  ratePerSecond: int(0, 1_000_000, 0, "Members per second; 0: no limit."),
});

export type WebPushSettings = z.infer<typeof webPushSettings>;

/** The section `providers` of the configuration. */
export const providersSection = z
  .strictObject({
    webhook: z
      .array(webhookSettings)
      .max(WEBHOOKS_MAX)
      .superRefine((webhooks, ctx) => {
        webhooks.forEach(({ name }, index) => {
          if (webhooks.findIndex((other) => other.name === name) === index) return;
          ctx.addIssue({ code: "custom", path: [index, "name"], message: "a name of its own" });
        });
      })
      .default([])
      .describe("Servers of your own that campaigns send through; see docs/providers.md."),
    webPush: webPushSettings
      .optional()
      .describe("Members' browsers. Without it there is no web push; see docs/providers.md."),
  })
  .prefault({});

function isService(text: string): boolean {
  if (/^(\*\.)?([a-z0-9-]+\.)+[a-z0-9-]+$/.test(text)) return true;
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text;
}

function isWebhookUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "" && hash === "";
}
