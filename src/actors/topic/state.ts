import { type Glob, matchesGlob, parseGlob } from "../../core/glob.ts";
import type { Counter, Metrics } from "../../core/metrics.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { Publication, TopicMessage, TopicNotice, TopicRule } from "./messages.ts";

export const TOPIC_RULE: TopicRule = {
  historyMax: 100,
  historyMs: 300_000,
  presence: true,
  presenceMax: 100,
  slow: "disconnect",
};

export interface TopicLimits {
  /** Subscribers of one topic on this node. Default 1 000 000. */
  readonly subscribersMax: number;
  /** Topics of this node at once. Default 100 000. */
  readonly topicsMax: number;
  /** What all topics of this node keep, in bytes, as `ENTRY_BYTES` says. Default 268 435 456. */
  readonly historyBytesMax: number;
  /** A topic without subscribers and history ends after so long. Default 60 000 ms. */
  readonly idleMs: number;
}

export const TOPIC_LIMITS: TopicLimits = {
  subscribersMax: 1_000_000,
  topicsMax: 100_000,
  historyBytesMax: 268_435_456,
  idleMs: 60_000,
};

/** What all topics of a node have together. */
export interface TopicsOfNode {
  topics: number;
  historyBytes: number;
  readonly historyBytesMax: number;
}

export interface TopicDeps {
  /** The rule of a topic's name. */
  readonly ruleOf: (topic: string) => TopicRule;
  readonly figures: TopicFigures;
  readonly limits: TopicLimits;
}

export interface TopicFigures {
  readonly published: Counter;
  /** Publications times the sessions that each went to. */
  readonly fannedOut: Counter;
  readonly recovered: Counter;
  readonly notRecovered: Counter;
}

export function topicFigures(metrics: Metrics): TopicFigures {
  const recoveries = (outcome: string): Counter =>
    metrics.counter(
      "herald_topic_recoveries_total",
      "Subscriptions that told where they had been, by whether anything was missed.",
      { outcome },
    );
  return {
    published: metrics.counter("herald_publications_total", "Publications taken."),
    fannedOut: metrics.counter(
      "herald_publications_fanned_out_total",
      "Publications handed to sessions.",
    ),
    recovered: recoveries("recovered"),
    notRecovered: recoveries("lost"),
  };
}

/** Finds the rule of a name: the first whose pattern fits, else the default. */
export function topicRules(
  rules: readonly (TopicRule & { readonly match: string })[],
): TopicDeps["ruleOf"] {
  const parsed: readonly (readonly [Glob, TopicRule])[] = rules.map((rule) => [
    parseGlob(rule.match),
    rule,
  ]);
  return (topic) => parsed.find(([glob]) => matchesGlob(glob, topic))?.[1] ?? TOPIC_RULE;
}

/** A publication that is kept, and since when, in monotonic milliseconds. */
export interface Entry extends Pick<Publication, "offset" | "from" | "payload"> {
  readonly since: number;
}

export interface Subscriber {
  readonly ref: Ref<TopicNotice>;
  readonly principal: string;
  readonly presence: boolean;
  /** Made once, so that a publication costs no closure, nor does who comes or goes. */
  readonly refused: () => Message;
  readonly unaware: () => Message;
}

/**
 * One topic. Changed in place, as every publication changes it; one that crashes is not started
 * again, and its subscribers come to the next one, which has another epoch.
 */
export interface TopicState {
  readonly name: string;
  /** Looked up once, when the topic begins. */
  rule: TopicRule;
  /** Tells this life of the topic from others: offsets compare only within it. */
  epoch: string;
  offset: number;
  history: Entry[];
  /** Of what it keeps: characters of payloads, and what each takes beside that. */
  historyBytes: number;
  /** What was given lately to those who came back, by offset; undefined when nothing was. */
  replayed: Map<number, Publication> | undefined;
  /** Shared; its own until it has begun. */
  node: TopicsOfNode;
  /** The node has as many topics as it may, without this one. */
  isSurplus: boolean;
  /** By session id. */
  readonly subscribers: Map<string, Subscriber>;
  /** How many sessions each principal has here. */
  readonly principals: Map<string, number>;
  /** Those of the subscribers who want to know of others, by session id. */
  readonly watchers: Map<string, Subscriber>;
  /** Whether they are so many that they are told only how many, and whether they have been. */
  crowd: "none" | "told" | "changed";
  /**
   * Sessions that had no room for something, by id: whether who came or left is among it.
   * Undefined when there are none.
   */
  behind: Map<string, boolean> | undefined;
}

export function newTopic(name: string): TopicState {
  return {
    name,
    rule: TOPIC_RULE,
    epoch: "",
    offset: 0,
    history: [],
    historyBytes: 0,
    replayed: undefined,
    node: { topics: 1, historyBytes: 0, historyBytesMax: 0 },
    isSurplus: false,
    subscribers: new Map(),
    principals: new Map(),
    watchers: new Map(),
    crowd: "none",
    behind: undefined,
  };
}

export type Message =
  | TopicMessage
  | { readonly type: "start" }
  | { readonly type: "idle" }
  /** This session has no room for what was published, or does not know who came or left. */
  | { readonly type: "refused"; readonly sessionId: string; readonly isUnaware: boolean }
  | { readonly type: "tell-occupancy" }
  | { readonly type: "forget-replayed" }
  | { readonly type: "tell-behind" };

export type Ctx = Context<Message>;
