import type { Ctx, Message, SessionState } from "./state.ts";

const DEVICE = new Set<Message["type"]>(["ping", "ack", "request"]);
const FOR_DEVICE = new Set<Message["type"]>(["push", "parcel", "publication", "answered"]);
const DETAILS_MAX = 300;

/** Writes down a message of a session that is followed; called for those alone. */
export function traceMessage(state: SessionState, message: Message, ctx: Ctx): void {
  const { trace } = state;
  if (trace?.isOver(ctx.now) !== false) {
    state.trace = undefined;
    return;
  }
  const way = DEVICE.has(message.type) ? "in" : FOR_DEVICE.has(message.type) ? "out" : undefined;
  if (way === undefined) return;
  const { type, facts } = factsOf(message);
  trace.add({ at: ctx.now, session: state.id, way, type, details: describe(facts) });
}

/** Writes down what the device is told. */
export function traceFrame(state: SessionState, frame: { readonly type: string }, ctx: Ctx): void {
  const { type, ...facts } = frame;
  const line = { at: ctx.now, session: state.id, way: "out", type } as const;
  state.trace?.add({ ...line, details: describe(facts) });
}

function factsOf(message: Message): { readonly type: string; readonly facts: object } {
  switch (message.type) {
    case "request": {
      const { type, ...facts } = message.request;
      return { type, facts };
    }
    case "push": {
      const { wire, payload, ...facts } = message.push;
      return { type: "push", facts: { ...facts, bytes: payload.length } };
    }
    case "parcel": {
      const { principal, sessionId, topic, answerWithinMs, payload } = message.parcel;
      const facts = { from: principal, session: sessionId, topic, answerWithinMs, payload };
      return { type: "parcel", facts };
    }
    case "publication": {
      const { topic, offset, from } = message.publication;
      return { type: "publication", facts: { topic, offset, from } };
    }
    default: {
      const { type, ...facts } = message;
      return { type, facts };
    }
  }
}

/** As JSON, without what people wrote to each other. */
function describe(facts: object): string {
  const text = JSON.stringify(facts, (key, value: unknown) => {
    if (key === "payload" || key === "data") return sizeOf(value);
    return key === "credential" ? undefined : value;
  });
  return text.length > DETAILS_MAX ? `${text.slice(0, DETAILS_MAX)}...` : text;
}

function sizeOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return `${(JSON.stringify(value) ?? "").length} characters`;
}
