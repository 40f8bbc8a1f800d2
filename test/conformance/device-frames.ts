/** Frames of requests, answers and publications that every codec must carry. */
import type { Publication } from "../../src/actors/topic/messages.ts";
import type { ClientFrame, ServerFrame } from "../../src/gateways/protocol/frames.ts";

const LONG = "x".repeat(129);
const SEND = { type: "send", id: 1, to: "user:ann", payload: 1 };

export const REQUESTS: readonly ClientFrame[] = [
  { type: "refresh", id: 3, credential: "a.b.c" },
  { type: "send", id: 0, to: "boards", payload: null },
  { type: "send", id: 4_294_967_296, to: "user:Ålands ☎", payload: { a: [1, "é"] }, topic: "t" },
  { type: "send", id: 1, to: "session:s_1", payload: "x", answerWithinMs: 300_000 },
  { type: "send", id: 1, to: "phones", payload: [], keepMs: 2_592_000_000 },
  { type: "answer", request: 7 },
  { type: "answer", request: 7, payload: null },
  { type: "answer", request: 7, error: "no" },
  { type: "subscribe", id: 1, topic: "news" },
  { type: "subscribe", id: 1, topic: "news", epoch: "e", offset: 9, presence: true },
  { type: "unsubscribe", id: 1, topic: "news" },
  { type: "publish", id: 1, topic: "news", payload: { deep: [{}] } },
  { type: "who", id: 1, topic: "news" },
  { type: "who", id: 1, of: "boards" },
  { type: "who", id: 4_294_967_296, of: "user:Ålands ☎" },
  { type: "upload", id: 1, kind: "state.v2_a-b", payload: 1 },
  { type: "upload", id: 1, kind: "alarm", payload: false, key: "k 1" },
  { type: "command", id: 1, command: { do: "rename", name: "Lamp" } },
  { type: "command", id: 1, command: { do: "bind", user: "ann" } },
  { type: "command", id: 1, command: { do: "unbind" } },
  { type: "command", id: 1, command: { do: "sub-online", sub: "valve" } },
  { type: "command", id: 1, command: { do: "sub-offline", sub: "valve" } },
];

export const BAD_REQUESTS: readonly (readonly [string, object, string])[] = [
  ["a refresh without an id", { type: "refresh", credential: "c" }, "id"],
  ["a refresh without a credential", { type: "refresh", id: 1 }, "credential"],
  ["a send without an id", { type: "send", to: "boards", payload: 1 }, "id"],
  ["a send with a negative id", { ...SEND, id: -1 }, "id"],
  ["a send to nobody", { type: "send", id: 1, payload: 1 }, "to"],
  ["a send to an empty address", { ...SEND, to: "" }, "to"],
  ["a send to a long address", { ...SEND, to: `user:${"x".repeat(140)}` }, "to"],
  ["a send of nothing", { type: "send", id: 1, to: "boards" }, "payload"],
  ["a send about an empty topic", { ...SEND, topic: "" }, "topic"],
  ["a send about a long topic", { ...SEND, topic: LONG }, "topic"],
  ["a send with no time", { ...SEND, answerWithinMs: 0 }, "answerWithinMs"],
  ["a send with too much time", { ...SEND, answerWithinMs: 300_001 }, "answerWithinMs"],
  ["a send with half a millisecond", { ...SEND, answerWithinMs: 0.5 }, "answerWithinMs"],
  ["a send that is kept for ever", { ...SEND, keepMs: 2_592_000_001 }, "keepMs"],
  ["a send that is kept and asks", { ...SEND, keepMs: 1, answerWithinMs: 1 }, "keepMs"],
  ["an answer to nothing", { type: "answer" }, "request"],
  ["an answer that is both", { type: "answer", request: 1, payload: 1, error: "e" }, "payload"],
  ["an answer with an empty error", { type: "answer", request: 1, error: "" }, "error"],
  ["an answer with a long error", { type: "answer", request: 1, error: "e".repeat(1025) }, "error"],
  ["a subscribe to nothing", { type: "subscribe", id: 1 }, "topic"],
  ["a subscribe with half a place", { type: "subscribe", id: 1, topic: "t", epoch: "e" }, "offset"],
  ["a subscribe with the other half", { type: "subscribe", id: 1, topic: "t", offset: 1 }, "epoch"],
  ["a presence that is 1", { type: "subscribe", id: 1, topic: "t", presence: 1 }, "presence"],
  ["an unsubscribe without a topic", { type: "unsubscribe", id: 1 }, "topic"],
  ["a publish of nothing", { type: "publish", id: 1, topic: "t" }, "payload"],
  ["a who of a control character", { type: "who", id: 1, topic: "a\u0000" }, "topic"],
  ["a who of nothing", { type: "who", id: 1 }, "topic"],
  ["a who of an empty address", { type: "who", id: 1, of: "" }, "of"],
  ["a who of many", { type: "who", id: 1, of: ["boards"] }, "of"],
  ["a who of a long address", { type: "who", id: 1, of: `user:${"x".repeat(140)}` }, "of"],
  ["a who of both", { type: "who", id: 1, topic: "t", of: "boards" }, "of"],
  ["an upload of no kind", { type: "upload", id: 1, payload: 1 }, "kind"],
  ["an upload of an odd kind", { type: "upload", id: 1, kind: "a b", payload: 1 }, "kind"],
  ["an upload of nothing", { type: "upload", id: 1, kind: "a" }, "payload"],
  ["an upload with a long key", { type: "upload", id: 1, kind: "a", payload: 1, key: LONG }, "key"],
  ["a command without one", { type: "command", id: 1 }, "command"],
  ["a command that is a text", { type: "command", id: 1, command: "unbind" }, "command"],
  ["an unknown command", { type: "command", id: 1, command: { do: "fly" } }, "command.do"],
  [
    "an empty name",
    { type: "command", id: 1, command: { do: "rename", name: "" } },
    "command.name",
  ],
  ["a bind to nobody", { type: "command", id: 1, command: { do: "bind" } }, "command.user"],
  ["no sub-device", { type: "command", id: 1, command: { do: "sub-online" } }, "command.sub"],
];

export const ANSWERS: readonly ServerFrame[] = [
  { type: "refreshed", id: 5_000_000_000, expiresInMs: 5_000_000_000 },
  { type: "sent", id: 1, reached: 3, kept: 0 },
  { type: "answer", id: 1, from: "session:s_1", payload: { a: [null] } },
  { type: "answer", id: 1, from: "session:s_1", error: "no" },
  { type: "message", from: "user:ann", session: "session:s_1", payload: { a: "é" } },
  {
    ...{ type: "message", from: "board:b", session: "session:s_1", topic: "t", payload: null },
    ...{ request: 4_294_967_296, answerWithinMs: 100 },
  },
  { type: "subscribed", id: 1, topic: "t", epoch: "e", offset: 5_000_000_000, recovered: true },
  { type: "resubscribed", topic: "t", epoch: "e", offset: 0, recovered: false },
  { type: "unsubscribed", id: 1, topic: "t" },
  { type: "published", id: 1, offset: 12 },
  { type: "joined", topic: "t", who: { principal: "user:ann", sessions: 2 } },
  { type: "left", topic: "t", who: { principal: "board:b", sessions: 0 } },
  { type: "occupancy", topic: "t", count: 5_000_000 },
  { type: "here", id: 1, topic: "t", members: [{ principal: "user:a", sessions: 1 }], count: 1 },
  {
    ...{ type: "present", id: 1, count: 1_002 },
    members: [
      { principal: "board:lamp", online: true, sessions: 2 },
      { principal: "user:Ålands ☎", online: false, lastSeen: 1_795_300_000_000 },
      { principal: "board:new", online: false },
    ],
  },
  { type: "uploaded", id: 1 },
  { type: "done", id: 1 },
  { type: "done", id: 1, result: { name: "Lamp" } },
  { type: "kick", code: 4201, reason: "kicked", reconnect: false, message: "enough" },
];

export function publicationOf(overrides: Partial<Publication> = {}): Publication {
  return {
    topic: "news",
    offset: 3,
    from: "user:ann",
    payload: "1",
    slow: "disconnect",
    wire: {},
    ...overrides,
  };
}
