import type { Ref } from "../../../actors/kernel/actor.ts";
import { type TopicMessage, type TopicView, topicKind } from "../../../actors/topic/messages.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";
import { jsonRoute, type Route } from "../route.ts";
import { paged } from "../schemas.ts";
import { byTopic, historyQuery, topicHistory, topicPage, topicView } from "./topic-schemas.ts";

/** What people see of topics; looking at one does not make it. */
export const topicRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/topics",
    tag: "Topics",
    role: "viewer",
    summary: "List the topics that are here, the oldest first",
    details: "A topic is here while somebody is subscribed or something of it is kept.",
    query: paged,
    answer: topicPage,
    handle: ({ query, api }) => listTopics(query, api),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/topics/{topic}",
    tag: "Topics",
    role: "viewer",
    summary: "Show a topic: who is there, what is kept, and the rule that applies",
    params: byTopic,
    answer: topicView,
    handle: async ({ params, api }) => {
      const view = await api.ask(found(params.topic, api), { type: "describe" });
      const { rule, members, count } = view;
      return { ...lineOf(view), count, members: [...members], rule };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/topics/{topic}/history",
    tag: "Topics",
    role: "viewer",
    summary: "Read what a topic keeps for those who come back, the oldest first",
    params: byTopic,
    query: historyQuery,
    answer: topicHistory,
    handle: async ({ params, query, api }) => {
      const asked = { type: "history", ...query } as const;
      const { epoch, offset, kept } = await api.ask(found(params.topic, api), asked);
      const items = kept.map(({ offset: place, at, from, payload }) => {
        const origin = from === undefined ? {} : { from };
        return { offset: place, at, ...origin, payload: JSON.parse(payload) };
      });
      return { epoch, offset, items };
    },
  }),
];

function found(name: string, api: Api): Ref<TopicMessage> {
  const topic = api.system.find(topicKind, name);
  if (topic !== undefined) return topic;
  const message = `nobody is subscribed to ${name}, and nothing of it is kept`;
  throw new RuntimeError("topic.unknown", message);
}

async function listTopics(
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
  api: Api,
) {
  const from = after === undefined ? -1 : Number(after);
  if (!Number.isSafeInteger(from)) {
    throw new RuntimeError("store.cursor", "it is not a cursor of this list");
  }
  const refs: Ref<TopicMessage>[] = [];
  api.system.each(topicKind, (ref) => {
    if (ref.incarnation > from && refs.length <= limit) refs.push(ref);
  });
  const page = refs.slice(0, limit);
  const views = await Promise.all(page.map((ref) => describe(ref, api)));
  const items = views.filter((view) => view !== undefined).map(lineOf);
  return refs.length > limit ? { items, next: String(page.at(-1)!.incarnation) } : { items };
}

/** Undefined when it ends just now. */
async function describe(topic: Ref<TopicMessage>, api: Api): Promise<TopicView | undefined> {
  try {
    return await api.ask(topic, { type: "describe" });
  } catch (thrown) {
    if (thrown instanceof RuntimeError && thrown.code === "actor.stopped") return undefined;
    throw thrown;
  }
}

function lineOf({ name: topic, epoch, offset, kept, sessions: subscribers }: TopicView) {
  return { topic, epoch, offset, kept, subscribers };
}
