import { z } from "zod";
import { answer, count, instant, page, payload, request, text, ttlMs } from "../schemas.ts";
import { pushId } from "./message-schemas.ts";
import { boardId, person } from "./relation-schemas.ts";

const ID_MAX = 200;
const TRACE_MINUTES_MAX = 60;

export const byDevice = z.strictObject({
  id: text(ID_MAX)
    .meta({ examples: ["user:m-1"] })
    .describe("`user:m-1`, `board:lamp-1`, or the id of a session."),
});

export const deviceQuery = z
  .strictObject({
    ...page,
    user: person.optional().describe("Only the sessions of this user."),
    board: boardId.optional().describe("Only those of this board."),
  })
  .refine(({ user, board }) => user === undefined || board === undefined, {
    message: "a user or a board, not both",
    path: ["board"],
  });

const session = answer(
  "DeviceSession",
  z.object({
    id: z.string(),
    principal: z.string().describe("Whose it is: `user:ada` or `board:b1`."),
    device: z.string().describe("What the device calls itself."),
    isConnected: z.boolean().describe("A session outlives its connection for a while."),
    transport: z.enum(["websocket", "udp", "classic"]).optional(),
    address: z.string().optional().describe("Where it connects from, as the network says."),
    since: instant.optional().describe("When the connection began."),
    heardAt: instant.optional().describe("When its last frame came, to the second."),
    backlog: count.describe("Messages that wait here for its confirmation, or for itself."),
    head: count.describe("The highest offset of its inbox."),
    given: count.describe("The highest offset that it may have had."),
    requests: count.describe("Messages of it that are on their way."),
    questions: count.describe("Answers that it owes to other devices."),
    subscriptions: z.array(z.string()).describe("The topics that it is subscribed to."),
  }),
);

export const sessionPage = answer(
  "DevicePage",
  z.object({
    items: z.array(session),
    next: z.string().optional().describe("Give it as `after`; absent on the last page."),
    lastSeen: instant
      .optional()
      .describe("Of the user or board that was asked for: when it was last connected."),
  }),
);

export const deviceView = answer(
  "DeviceView",
  z.object({
    id: z.string().describe("The user's or board's address."),
    isConnected: z.boolean(),
    lastSeen: instant.optional(),
    sessions: z.array(session),
    inbox: z.object({
      head: count.describe("The highest offset given out."),
      forgotten: count.describe("The highest that was let go without a confirmation."),
      waiting: count,
    }),
  }),
);

export const kickRequest = request(
  "DeviceKick",
  z.strictObject({
    why: text(200)
      .meta({ examples: ["the phone was lost"] })
      .describe("Told to the device."),
  }),
);

export const kicked = answer(
  "DeviceKicked",
  z.object({ sessions: count.describe("How many were ended; 0: none was there.") }),
);

export const deviceSend = request(
  "DeviceSend",
  z.strictObject({
    topic: text(128).meta({ examples: ["help"] }),
    payload: payload.meta({ examples: [{ text: "Please call us" }] }).describe("Any JSON."),
    ttlMs: ttlMs
      .default(0)
      .describe("How long it waits for users and boards; 0: only for who is connected now."),
  }),
);

export const traceRequest = request(
  "DeviceTrace",
  z.strictObject({ minutes: z.int().min(1).max(TRACE_MINUTES_MAX).default(5) }),
);

export const traceAnswer = answer(
  "DeviceTraced",
  z.object({ id: z.string(), until: instant.describe("When it ends by itself.") }),
);

export const traceLine = answer(
  "DeviceTraceLine",
  z.object({
    n: count.describe("Grows by one with each line."),
    at: instant,
    session: z.string(),
    way: z.enum(["in", "out", "connection"]).describe("From the device, for it, or about both."),
    type: z.string().describe("The frame or event, as `send`, `push`, `closed`."),
    details: z.string().describe("JSON of its fields, without payloads, cut to a limit."),
  }),
);

export const traceEnd = answer(
  "DeviceTraceEnd",
  z.object({ until: instant, lost: count.describe("Lines that this reader was too slow for.") }),
);

export const whyQuery = z.strictObject({
  push: pushId.optional().describe("Tell of this push instead of what waits."),
});

export const whyAnswer = answer(
  "DeviceWhy",
  z.object({
    id: z.string(),
    answer: z.string().describe("Whether it is here, and if not, why."),
    events: z
      .array(z.object({ at: instant, type: z.string(), words: z.string() }))
      .describe(
        "The last connections and refusals, and how the last messages ended, the oldest first; " +
          "a restart forgets them.",
      ),
    inbox: z.string().describe("What became of its messages as a whole."),
    messages: z
      .array(
        z.object({
          offset: count,
          id: z.string(),
          topic: z.string().optional(),
          state: z.string(),
          words: z.string(),
        }),
      )
      .describe("The first 20 that wait, or those of the push that was asked for."),
  }),
);
