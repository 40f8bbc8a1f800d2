import { sessionKind } from "../../../actors/session/messages.ts";
import { topicKind } from "../../../actors/topic/messages.ts";
import { userKind } from "../../../actors/user/messages.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";
import { findRecipients, type Recipient } from "./recipients.ts";

/** A message from outside, checked. */
export interface Outgoing {
  /** Addresses: `user:`, `board:`, `family:`, `session:` or `topic:` and a name. */
  readonly to: readonly string[];
  readonly topic: string;
  readonly payload: unknown;
  readonly ack: boolean;
  /** How long it waits for principals; 0: it is for those who are connected. */
  readonly ttlMs: number;
  readonly priority: Priority;
  /** The sender's own id of it. */
  readonly id?: string | undefined;
}

export type Priority = "high" | "normal" | "low";

/** What came of one message for one recipient. */
export interface Delivery {
  readonly to: string;
  /** Which message of the request, from 0. */
  readonly message: number;
  /** In the inbox; handed to so many sessions; not there; or not taken, with the reason. */
  readonly result: "recorded" | "reached" | "unknown" | "refused";
  /** What devices get it as. */
  readonly id?: string;
  /** Its place in the inbox or topic. */
  readonly offset?: number;
  readonly fresh?: boolean;
  readonly reached?: number;
  readonly code?: string;
  readonly why?: string;
}

/** One message on its way to one recipient. */
interface Job {
  readonly message: number;
  readonly outgoing: Outgoing;
  readonly recipient: Recipient;
  /** What devices get it as: no two pushes have the same. */
  readonly id: string;
  readonly payload: string;
  delivery: Delivery | undefined;
}

/** What is for those who are connected is worth nothing after so long, in milliseconds. */
const VOLATILE_MS = 60_000;
/** Items in one call to the inbox, all or none. */
const CHUNK = 1_000;

const RANKS: Readonly<Record<Priority, number>> = { high: 1, normal: 0, low: -1 };

/** How the ids of a push's items begin; the rest is the number of the message and the key. */
export function itemPrefix(push: string): string {
  return `push:${push}:`;
}

/**
 * Sends messages to all their recipients, and says what came of each, in their order.
 *
 * One that is refused does not stop the others. The more urgent ones are recorded first.
 *
 * @throws RuntimeError when nothing was taken and it may be tried again; `http.invalid`.
 */
export async function deliver(
  messages: readonly Outgoing[],
  { push, api }: { readonly push: string; readonly api: Api },
): Promise<readonly Delivery[]> {
  const found = await findRecipients(
    messages.map(({ to }) => to),
    api,
  );
  const jobs = messages.flatMap((outgoing, message): Job[] => {
    const { id } = outgoing;
    const prefix = id === undefined ? `${itemPrefix(push)}${message}` : `${itemPrefix(id)}0`;
    const payload = JSON.stringify(outgoing.payload);
    return found[message]!.map((recipient) => {
      const name = recipient.type === "principal" ? recipient.key : recipient.to;
      return {
        message,
        outgoing,
        recipient,
        id: `${prefix}:${name}`,
        payload,
        delivery: undefined,
      };
    });
  });
  let error = await record(jobs.filter(isKept), api);
  // Inboxes know what they have; who is only connected must not get the same twice, either.
  const handed = new Map<string, Delivery>();
  for (const job of jobs) {
    if (job.delivery !== undefined) continue;
    const known = handed.get(job.id);
    if (known !== undefined) {
      job.delivery = { ...known, ...common(job) };
      continue;
    }
    try {
      job.delivery = { ...common(job), ...(await hand(job, api)) };
    } catch (thrown) {
      error = asRuntime(thrown);
      job.delivery = refused(job, error);
    }
    handed.set(job.id, job.delivery);
  }
  const isTaken = jobs.some(({ delivery }) => delivery!.result !== "refused");
  if (!isTaken && error?.retryable) throw error;
  return jobs.map(({ delivery }) => delivery!);
}

function isKept({ outgoing, recipient }: Job): boolean {
  return recipient.type === "principal" && outgoing.ttlMs > 0;
}

/** Puts messages into inboxes; returns why some were not, if some were not. */
async function record(jobs: readonly Job[], api: Api): Promise<RuntimeError | undefined> {
  let failure: RuntimeError | undefined;
  for (const level of ["high", "normal", "low"] as const) {
    const urgent = jobs.filter(({ outgoing }) => outgoing.priority === level);
    for (let start = 0; start < urgent.length; start += CHUNK) {
      const chunk = urgent.slice(start, start + CHUNK);
      try {
        await append(chunk, RANKS[level], api);
      } catch (thrown) {
        const error = asRuntime(thrown);
        failure = error;
        for (const job of chunk) job.delivery = refused(job, error);
      }
    }
  }
  return failure;
}

async function append(jobs: readonly Job[], priority: number, api: Api): Promise<void> {
  const now = api.clock.now();
  const items = jobs.map(({ id, payload, outgoing, recipient }) => ({
    user: (recipient as Extract<Recipient, { type: "principal" }>).key,
    id,
    ledger: "push",
    topic: outgoing.topic,
    payload,
    ack: outgoing.ack,
    expiresAt: now + outgoing.ttlMs,
  }));
  const appended = await api.ask(api.actors.inbox, { type: "append", items, priority });
  jobs.forEach((job, index) => {
    const { offset, fresh } = appended[index]!;
    job.delivery = { ...common(job), result: "recorded", id: job.id, offset, fresh };
  });
}

type Came = Omit<Delivery, "to" | "message">;

/** Gives it to whoever is there now. */
async function hand(job: Job, api: Api): Promise<Came> {
  const { recipient, payload } = job;
  switch (recipient.type) {
    case "principal":
      return handTo(recipient.key, undefined, job, api);
    case "session": {
      const { id } = recipient;
      const session = api.system.find(sessionKind, id);
      if (session === undefined) {
        return { result: "unknown", code: "session.unknown", why: "there is no such session" };
      }
      const { principal } = await api.ask(session, { type: "inspect" });
      return handTo(principal, id, job, api);
    }
    case "topic": {
      const topic = api.system.entity(topicKind, recipient.name);
      const published = await api.ask(topic, { type: "publish", payload, from: undefined });
      return { result: "reached", ...published };
    }
    case "unknown": {
      const { code, message } = recipient.error;
      return { result: "unknown", code, why: message };
    }
  }
}

async function handTo(key: string, only: string | undefined, job: Job, api: Api): Promise<Came> {
  const { id, payload, outgoing } = job;
  const user = api.system.find(userKind, key);
  if (user === undefined) return { result: "reached", reached: 0 };
  const { topic, ttlMs } = outgoing;
  const expiresAt = api.clock.now() + (ttlMs > 0 ? ttlMs : VOLATILE_MS);
  const push = { id, offset: undefined, topic, payload, ack: false, expiresAt, wire: {} };
  const { reached } = await api.ask(user, { type: "volatile", push, only });
  return { result: "reached", id, reached };
}

function common({ recipient, message }: Job): Pick<Delivery, "to" | "message"> {
  return { to: recipient.to, message };
}

function refused(job: Job, { code, message }: RuntimeError): Delivery {
  return { ...common(job), result: "refused", code, why: message };
}

/** What is no operating error is a bug, and no answer. */
function asRuntime(thrown: unknown): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  throw thrown;
}
