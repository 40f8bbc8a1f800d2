import { z } from "zod";
import type { Api } from "../api.ts";
import { deliver, type Outgoing } from "../delivery/deliver.ts";
import { fatesOf } from "../delivery/fates.ts";
import { readMessages } from "../delivery/read-messages.ts";
import { jsonRoute, type Route } from "../route.ts";
import { ledger, text } from "../schemas.ts";
import {
  byPush,
  fatePage,
  fatesQuery,
  LIST_MAX,
  newPush,
  outgoing,
  pushAnswer,
} from "./message-schemas.ts";

const ledgerQuery = z.strictObject({
  name: text(200)
    .optional()
    .describe("`push`, or `campaign:<id>:<epoch>`; absent for the sum over all."),
});

const DETAILS =
  "Answers once every message for users and boards is recorded; devices that are connected have " +
  "it then. Sessions and topics get it now or never, and of them only the answer tells. " +
  "`priority` decides which of the requests that wait for the store are recorded first, and the " +
  "order within one request; a recorded message keeps its offset, so nothing overtakes what is " +
  "in an inbox already. A recipient that is refused does not stop the others; when none was " +
  "taken and it may be tried again, the request itself is refused.";

async function send(messages: readonly Outgoing[], push: string, api: Api) {
  return { id: push, items: await deliver(messages, { push, api }) };
}

export const messageRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/push",
    tag: "Messages",
    role: "operator",
    action: "push.send",
    summary: "Send messages to users, boards, families, sessions or topics",
    details: DETAILS,
    bodyLimit: "listBytesMax",
    body: newPush,
    answer: pushAnswer,
    handle: ({ body, newId, api }) =>
      send("messages" in body ? body.messages : [body], body.id ?? newId("push"), api),
    upload: {
      mediaTypes: ["application/x-ndjson"],
      details: "NDJSON: one message per line, up to 1000; all are checked before any is sent.",
      example: { query: "", file: "messages.ndjson" },
      handle: async ({ newId, api }, upload) => {
        const limits = { linesMax: LIST_MAX, bytesMax: api.limits.listBytesMax };
        const messages = await readMessages(upload, outgoing, limits);
        return send(messages, newId("push"), api);
      },
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/push/{id}",
    tag: "Messages",
    role: "viewer",
    summary: "Show what became of each message of a push",
    details:
      "Those for users and boards, in the order of their ids. What has ended is known for " +
      "`inbox.keyTtlMs`.",
    params: byPush,
    query: fatesQuery,
    answer: fatePage,
    handle: ({ params, query, api }) => fatesOf(params.id, query, api),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/ledger",
    tag: "Messages",
    role: "viewer",
    summary: "Show where accepted messages ended",
    query: ledgerQuery,
    answer: ledger,
    handle: ({ query, api }) => api.readLedger(query.name),
  }),
];
