import { z } from "zod";
import type { Upload } from "../../../actors/outbox/messages.ts";
import { addressOf } from "../../../core/address.ts";
import { jsonRoute, type Route } from "../route.ts";
import { answer, count, instant, request, text } from "../schemas.ts";

const WAIT_MAX_MS = 30_000;
const KINDS_MAX = 32;
const KINDS = new RegExp(`^[A-Za-z0-9._-]{1,64}(,[A-Za-z0-9._-]{1,64}){0,${KINDS_MAX - 1}}$`);

const consumer = text(128)
  .meta({ examples: ["crm"] })
  .describe("Any name. Each consumer gets every upload; a new one begins with the oldest kept.");

const kinds = z
  .string()
  .refine(
    (list) => KINDS.test(list),
    `at most ${KINDS_MAX} kinds of letters, digits, ".", "_" and "-", separated by commas`,
  )
  .transform((list) => list.split(","))
  .describe(`At most ${KINDS_MAX} kinds, separated by commas; absent: all.`);

const readQuery = z.strictObject({
  consumer,
  kinds: kinds.optional(),
  after: count.optional().describe("From this offset instead of what is acknowledged."),
  limit: z.int().min(1).max(1000).default(100).describe("Most uploads to give."),
  waitMs: z
    .int()
    .min(0)
    .max(WAIT_MAX_MS)
    .default(0)
    .describe("How long to wait for the first one when there is none."),
});

const upload = answer(
  "Upload",
  z.object({
    offset: count.describe("Its number: ascending, never used twice."),
    from: z.string().describe("The address of who uploaded it, `user:` or `board:`."),
    device: z.string(),
    kind: z.string(),
    payload: z.unknown(),
    key: z.string().describe("The device's own for this upload, or one that nothing else has."),
    at: instant,
  }),
);

const uploadsRead = answer(
  "UploadsRead",
  z.object({
    items: z.array(upload),
    upTo: count.describe("Acknowledge this once all items are handled."),
    missed: count.describe("How many right after the consumer's place are not kept any more."),
  }),
);

const newAck = request(
  "UploadsAck",
  z.strictObject({
    consumer,
    upTo: count
      .meta({ examples: [100] })
      .describe("`upTo` of what was read, or the offset of the last upload that was handled."),
  }),
);

const place = answer(
  "UploadsPlace",
  z.object({
    consumer: z.string(),
    acked: count.describe("Everything up to this offset is acknowledged."),
    behind: count.describe("How many are kept beyond it."),
  }),
);

const ledger = answer(
  "UploadsLedger",
  z.object({
    accepted: count.describe("Uploads taken. The other three add up to it."),
    acked: count.describe("Acknowledged by every consumer."),
    waiting: count.describe("Kept for a consumer, or for the first one to come."),
    pruned: count.describe("Deleted for their age before every consumer had acknowledged them."),
  }),
);

const outboxView = answer("UploadsView", z.object({ items: z.array(place), ledger }));

const forgotten = answer(
  "ConsumerForgotten",
  z.object({ changed: z.boolean().describe("False when there was none of this name.") }),
);

/** JSON text is stored; who reads it gets the value. */
function uploadJson({ principal, payload, ...rest }: Upload) {
  return { ...rest, from: addressOf(principal), payload: JSON.parse(payload) as unknown };
}

const READ =
  "Gives what comes after the consumer's place, in the order of offsets, and does not move it: " +
  "what is not acknowledged is given again. An answer has about 4 MB at most, and at least one " +
  "upload if there is one.";

/** What devices upload, for the user's own back end. */
export const uploadRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/uploads",
    tag: "Uploads",
    role: "operator",
    summary: "Read the next uploads of devices, or wait for them",
    details: READ,
    query: readQuery,
    answer: uploadsRead,
    handle: async ({ query, api }) => {
      const deadlineMs = query.waitMs + api.limits.askMs;
      const asked = { type: "read-uploads", request: query } as const;
      const { uploads, upTo, missed } = await api.ask(api.actors.outbox, asked, deadlineMs);
      return { items: uploads.map(uploadJson), upTo, missed };
    },
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/uploads/ack",
    tag: "Uploads",
    role: "operator",
    summary: "Acknowledge uploads that have been handled",
    details: "A consumer goes forward only: repeating it, or acknowledging less, changes nothing.",
    body: newAck,
    answer: place,
    handle: ({ body, api }) => api.ask(api.actors.outbox, { type: "ack-uploads", ...body }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/uploads/consumers",
    tag: "Uploads",
    role: "viewer",
    summary: "List consumers, where they are, and where all uploads are",
    answer: outboxView,
    handle: async ({ api }) => {
      const view = await api.ask(api.actors.outbox, { type: "view-outbox" });
      return { items: view.consumers, ledger: view.ledger };
    },
  }),
  jsonRoute({
    method: "DELETE",
    path: "/v1/uploads/consumers/{consumer}",
    tag: "Uploads",
    role: "operator",
    action: "uploads.forget-consumer",
    summary: "Forget a consumer, so that nothing is kept for it",
    params: z.strictObject({ consumer }),
    answer: forgotten,
    handle: ({ params, api }) =>
      api.ask(api.actors.outbox, { type: "forget-consumer", consumer: params.consumer }),
  }),
];
