import { z } from "zod";
import { RuntimeError } from "../../../core/errors.ts";
import { RECEIPT_STATUSES } from "../../../core/receipt.ts";
import { verifyRequest } from "../../../core/signature.ts";
import type { ProviderView } from "../api.ts";
import { jsonRoute, type Route } from "../route.ts";
import { answer, count, instant, request, text } from "../schemas.ts";

const RECEIPTS_MAX = 5_000;
const PART_MAX = 255;

const receipt = z.strictObject({
  message: text(256).describe("The item's `id`, or the `providerId` that it was answered with."),
  part: z.int().min(0).max(PART_MAX).default(0).describe("Of a message sent in parts, which one."),
  status: z.enum(RECEIPT_STATUSES),
  at: instant.optional().describe("When it happened; absent: now."),
  reason: text(300).optional().describe("Why it failed."),
});

const newReceipts = request(
  "NewReceipts",
  z.strictObject({
    receipts: z
      .array(receipt)
      .min(1)
      .max(RECEIPTS_MAX)
      .describe("In any order, late or again: of each message the highest status counts."),
  }),
);

const receiptTally = answer(
  "ReceiptTally",
  z.object({
    applied: count.describe("Told something new of a recipient."),
    repeated: count.describe("Told nothing new."),
    unmatched: count.describe("Of a message that is not known yet; kept for a week."),
  }),
);

const provider = answer(
  "Provider",
  z.object({
    name: z.string(),
    capabilities: z.object({
      maxBatch: count.describe("Messages in one call."),
      maxInFlight: count.describe("Calls at the same time."),
      idempotency: z.enum(["none", "key", "collapse"]).describe("What a repeated id does."),
      keyTtlMs: count.describe("How long ids are recognised."),
      receipts: z.enum(["none", "callback", "poll"]),
      dryRun: z.boolean().describe("Whether it sends nothing to anybody."),
    }),
    state: z
      .object({
        inFlight: count.describe("Batches that it has."),
        waiting: count.describe("Batches that wait for their turn."),
        items: z.record(z.string(), count).describe("Messages by what it said of them."),
        latencyMs: z.number().min(0).describe("Time of a batch, averaged over the last ones."),
        gates: z
          .record(z.string(), z.record(z.string(), z.union([z.number(), z.string()])))
          .describe("Its limits: `rate`, `concurrency`, `breaker`; none of what is our own."),
      })
      .optional()
      .describe("What it is doing."),
  }),
);

const byName = z.strictObject({ name: text(64).describe("As campaigns call it.") });

function shown({ state, ...rest }: ProviderView) {
  return state === undefined ? rest : { ...rest, state };
}

const providerList = answer("ProviderList", z.object({ items: z.array(provider) }));

const details =
  "For the server behind a webhook with `receipts: true`, not for people: it needs no token but " +
  "a signature with the webhook's secret, in the headers `webhook-id`, `webhook-timestamp` and " +
  "`webhook-signature` (Standard Webhooks). Sending the same again is harmless.";

export const providerRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/providers",
    tag: "Providers",
    role: "viewer",
    summary: "List what campaigns can send through, and what it is doing",
    answer: providerList,
    handle: async ({ api }) => ({
      items: api.providers().map(shown),
    }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/providers/{name}",
    tag: "Providers",
    role: "viewer",
    summary: "Show what one provider can do, and what it is doing",
    params: byName,
    answer: provider,
    handle: async ({ params, api }) => {
      const all = api.providers();
      const found = all.find(({ name }) => name === params.name);
      if (found !== undefined) return shown(found);
      const known = all.map(({ name }) => name).join(", ");
      const message = `there is no provider ${params.name}; there are: ${known}`;
      throw new RuntimeError("provider.unknown", message);
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/providers/{name}/vapid",
    tag: "Providers",
    role: "viewer",
    summary: "Show the key that pages subscribe to web push with",
    details: "It is no secret: give it to `pushManager.subscribe` as `applicationServerKey`.",
    params: byName,
    answer: answer("VapidKey", z.object({ publicKey: z.string().describe("In base64url.") })),
    handle: async ({ params, api }) => {
      const publicKey = api.vapidKey(params.name);
      if (publicKey !== undefined) return { publicKey };
      const message = `${params.name} has no such key; webpush has one, once it is configured`;
      throw new RuntimeError("provider.unknown", message);
    },
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/providers/{name}/receipts",
    tag: "Providers",
    role: "none",
    summary: "Report what became of messages",
    details,
    params: z.strictObject({ name: text(64).describe("The webhook's name.") }),
    body: newReceipts,
    answer: receiptTally,
    authenticate({ params, headers, body, api }) {
      // A name that there is not has no key, and is answered like a bad signature.
      const keys = api.receiptKeys(params["name"] ?? "");
      verifyRequest({ headers, body }, keys, api.clock.now());
    },
    handle({ params, body, api }) {
      const now = api.clock.now();
      const receipts = body.receipts.map(({ message, part, status, at = now, reason = "" }) => {
        return { provider: params.name, message, part, status, at, reason };
      });
      return api.ask(api.actors.receipts, { type: "apply-receipts", receipts });
    },
  }),
];
