import { clerkType } from "../../src/actors/inbox/behavior.ts";
import { inboxDesk } from "../../src/actors/inbox/desk.ts";
import { CLERK } from "../../src/actors/inbox/messages.ts";
import {
  CLERK_LIMITS,
  type ClerkLimits,
  clerkFigures,
  newClerk,
} from "../../src/actors/inbox/state.ts";
import type { Ref } from "../../src/actors/kernel/actor.ts";
import { sessionType } from "../../src/actors/session/behavior.ts";
import type {
  ConnectionMessage,
  PushMessage,
  SessionMessage,
} from "../../src/actors/session/messages.ts";
import {
  newSession,
  SESSION_LIMITS,
  type SessionDeps,
  type SessionLimits,
} from "../../src/actors/session/state.ts";
import { PushTally } from "../../src/actors/session/tally.ts";
import { topicType } from "../../src/actors/topic/behavior.ts";
import { type TopicRule, topicKind } from "../../src/actors/topic/messages.ts";
import { newTopic, TOPIC_LIMITS, TOPIC_RULE, topicFigures } from "../../src/actors/topic/state.ts";
import { userType } from "../../src/actors/user/behavior.ts";
import { userKind } from "../../src/actors/user/messages.ts";
import { newUser, USER_LIMITS, type UserLimits } from "../../src/actors/user/state.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { noMetrics } from "../../src/core/metrics.ts";
import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import type { InboxStore, NewInboxItem } from "../../src/persistence/ports/inbox.ts";
import { GatedInbox } from "./gated-inbox.ts";
import { type Probe, probe, type TestSystemOptions, testSystem } from "./kit.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface SessionNodeOptions extends TestSystemOptions {
  /** A second node on the same store is a restart. */
  readonly store?: InboxStore;
  readonly perUserMax?: number;
  readonly session?: Partial<SessionLimits>;
  /** What its sessions share beside that. */
  readonly shared?: Partial<SessionDeps>;
  readonly user?: Partial<UserLimits>;
  readonly clerk?: Partial<ClerkLimits>;
  readonly topic?: Partial<TopicRule>;
  /** What differs of that for topics by their names. */
  readonly topicOf?: (name: string) => Partial<TopicRule>;
}

export type SessionNode = ReturnType<typeof sessionNode>;

/** A node with nothing but sessions, users and the inbox clerk, on virtual time. */
export function sessionNode(options: SessionNodeOptions = {}) {
  const clock = options.clock ?? new VirtualClock();
  const inner = memoryStores({ inboxPerUserMax: options.perUserMax ?? 1_000, clock }).inbox;
  const store = options.store instanceof GatedInbox ? options.store : new GatedInbox(inner);
  const kit = testSystem({ ...options, clock });
  const { system } = kit;
  const tally = new PushTally();

  const clerk = system.spawn(
    clerkType({
      store,
      logger: silentLogger,
      figures: clerkFigures(options.metrics ?? noMetrics),
      limits: { ...CLERK_LIMITS, ...options.clerk },
    }),
    { name: CLERK, state: newClerk(), under: system.supervisor("inbox") },
  );
  system.registerEntity(userKind, {
    under: system.supervisor("users"),
    type: userType({ tally, limits: { ...USER_LIMITS, ...options.user } }),
    state: newUser,
  });
  const topics = topicType({
    ruleOf: (name) => ({ ...TOPIC_RULE, ...options.topic, ...options.topicOf?.(name) }),
    figures: topicFigures(options.metrics ?? noMetrics),
    limits: TOPIC_LIMITS,
  });
  system.registerEntity(topicKind, {
    ...{ under: system.supervisor("topics"), type: topics, state: newTopic },
  });
  const sessions = system.supervisor("sessions");
  const limits = { ...SESSION_LIMITS, ...options.session };
  const type = sessionType({ tally, limits, ...options.shared });
  let opened = 0;

  const openSession = (user: string, device: string): Ref<SessionMessage> => {
    const id = `s${++opened}`;
    return system.spawn(type, {
      name: id,
      state: newSession({ id, user, device }),
      under: sessions,
    });
  };

  const attach = (session: Ref<SessionMessage>, offset = -1): Device => {
    const connection = probe<ConnectionMessage>(`/connections/${session.path}`);
    session.send({ type: "attach", connection, offset });
    return deviceOf(session, connection);
  };

  return {
    ...kit,
    store,
    tally,
    clerk,
    desk: inboxDesk(system, store),
    openSession,
    attach,
    /** Logs a device in: a new session with its first connection. */
    login: (user: string, device = "phone", offset = -1) =>
      attach(openSession(user, device), offset),
  };
}

/** What a device sees of its connection, and what it can do. */
export interface Device {
  readonly session: Ref<SessionMessage>;
  readonly connection: Probe<ConnectionMessage>;
  /** Offsets of the pushes received, in order; those flagged as redelivered are negative. */
  offsets(): number[];
  pushes(): PushMessage[];
  welcome(): Extract<ConnectionMessage, { type: "welcome" }> | undefined;
  /** Why it was closed. */
  closed(): string | undefined;
  ack(...offsets: number[]): void;
  ackUpTo(offset: number): void;
  /** The connection is lost. */
  drop(): void;
}

function deviceOf(session: Ref<SessionMessage>, connection: Probe<ConnectionMessage>): Device {
  const pushes = (): PushMessage[] => connection.received.filter((one) => one.type === "push");
  return {
    session,
    connection,
    pushes,
    offsets: () =>
      pushes().map(({ push, redelivered }) => (redelivered ? -push.offset! : push.offset!)),
    welcome: () => connection.received.find((one) => one.type === "welcome"),
    closed: () => connection.received.find((one) => one.type === "close")?.reason,
    ack: (...offsets) => void session.send({ type: "ack", offsets, upTo: -1 }),
    ackUpTo: (upTo) => void session.send({ type: "ack", offsets: [], upTo }),
    drop: () => void session.send({ type: "detach", connection, final: false }),
  };
}

/** An item for a user; by default it wants confirmation and waits for an hour. */
export function item(
  user: string,
  id: string,
  change: Partial<Omit<NewInboxItem, "user" | "id">> = {},
): NewInboxItem {
  return {
    user,
    id,
    ledger: "push",
    topic: "news",
    payload: JSON.stringify({ id }),
    ack: true,
    expiresAt: Date.UTC(2026, 0, 1, 1),
    ...change,
  };
}

/** As many items for one user, named by a prefix. */
export function items(
  user: string,
  count: number,
  change: Partial<Omit<NewInboxItem, "user" | "id">> = {},
  prefix = "m",
): NewInboxItem[] {
  return Array.from({ length: count }, (_, index) => item(user, `${prefix}${index + 1}`, change));
}
