import { topicType } from "../actors/topic/behavior.ts";
import { topicKind } from "../actors/topic/messages.ts";
import { newTopic, TOPIC_LIMITS, topicFigures, topicRules } from "../actors/topic/state.ts";
import type { Base } from "./base.ts";

/** Lets topics come to be when they are first asked for. */
export function openTopics({ config, metrics, system }: Base): void {
  const { rules, ...limits } = config.topics;
  const type = topicType({
    ruleOf: topicRules(rules),
    figures: topicFigures(metrics),
    limits: { ...TOPIC_LIMITS, ...limits },
  });
  system.registerEntity(topicKind, { under: system.supervisor("topics"), type, state: newTopic });
  const help = "Topics that are here.";
  metrics.observe("herald_topics", help, () => system.count(topicKind));
}
