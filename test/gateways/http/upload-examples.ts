import type { Example } from "./relation-examples.ts";

const INVALID = { status: 400, code: "http.invalid" };

/** Of an outbox without an upload, with one consumer. */
export const UPLOAD_EXAMPLES: Readonly<Record<string, Example>> = {
  "GET /v1/uploads": {
    path: "/v1/uploads?consumer=crm&kinds=state,alarm",
    fails: { ...INVALID, path: "/v1/uploads?kinds=state" },
  },
  "POST /v1/uploads/ack": {
    call: { json: { consumer: "crm", upTo: 0 } },
    fails: { ...INVALID, call: { json: { consumer: "crm", upTo: -1 } } },
  },
  "GET /v1/uploads/consumers": {
    fails: { ...INVALID, path: "/v1/uploads/consumers?after=x" },
  },
  "DELETE /v1/uploads/consumers/{consumer}": {
    path: "/v1/uploads/consumers/crm",
    fails: { ...INVALID, path: "/v1/uploads/consumers/%00" },
  },
};
