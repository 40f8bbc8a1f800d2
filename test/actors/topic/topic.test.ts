import { expect, test } from "vitest";
import { topicType } from "../../../src/actors/topic/behavior.ts";
import { ENTRY_BYTES } from "../../../src/actors/topic/history.ts";
import {
  type Subscribed,
  type TopicMessage,
  type TopicNotice,
  type TopicRule,
  topicKind,
} from "../../../src/actors/topic/messages.ts";
import {
  newTopic,
  TOPIC_LIMITS,
  TOPIC_RULE,
  type TopicLimits,
  topicFigures,
} from "../../../src/actors/topic/state.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { seededRandom } from "../../../src/core/random.ts";
import type { Result } from "../../../src/core/result.ts";
import { probe, testSystem } from "../../testkit/kit.ts";

type Who = Extract<TopicMessage, { type: "who" }>["replyTo"] extends { send(m: infer A): boolean }
  ? A
  : never;

function wordsOf(frame: Extract<TopicNotice, { type: "presence" }>["frame"]): string {
  if (frame.type === "occupancy") return `occupancy of ${frame.count}`;
  return `${frame.type} ${frame.who.principal}`;
}

function start(rule: Partial<TopicRule> = {}, limits: Partial<TopicLimits> = {}, seed = 1) {
  const kit = testSystem({ seed });
  const type = topicType({
    ruleOf: () => ({ ...TOPIC_RULE, ...rule }),
    figures: topicFigures(noMetrics),
    limits: { ...TOPIC_LIMITS, ...limits },
  });
  const under = kit.system.supervisor("topics");
  kit.system.registerEntity(topicKind, { under, type, state: newTopic });
  const topic = () => kit.system.entity(topicKind, "news");
  const publish = (payload: string) => topic().send({ type: "publish", payload, from: undefined });
  const subscriber = (sessionId: string, principal = `user:${sessionId}`, presence = false) => {
    const notices = probe<TopicNotice>();
    const subscribe = async (since?: { epoch: string; offset: number }): Promise<Subscribed> => {
      const replyTo = probe<Result<Subscribed>>();
      const session = notices;
      topic().send({
        ...{ type: "subscribe", session, sessionId, principal, presence, since, replyTo },
      });
      await kit.settle();
      const answer = replyTo.received[0]!;
      if (!answer.ok) throw answer.error;
      return answer.value;
    };
    const leave = () => topic().send({ type: "unsubscribe", sessionId });
    const payloads = () =>
      notices.received.flatMap((it) => (it.type === "publication" ? [it.publication.payload] : []));
    const seen = () =>
      notices.received.flatMap((it) => (it.type === "presence" ? [wordsOf(it.frame)] : []));
    return { notices, subscribe, leave, payloads, seen };
  };
  const who = async () => {
    const replyTo = probe<Who>();
    topic().send({ type: "who", replyTo });
    await kit.settle();
    return replyTo.received[0]!;
  };
  return { ...kit, topic, publish, subscriber, who };
}

test("everyone who is there gets the very same publication, numbered from 1", async () => {
  const { subscriber, publish, settle } = start();
  const [a, b] = [subscriber("a"), subscriber("b")];
  expect(await a.subscribe()).toMatchObject({ offset: 0, recovered: false, missed: [] });
  await b.subscribe();
  publish("1");
  publish("2");
  await settle();
  expect(a.payloads()).toEqual(["1", "2"]);
  expect(a.notices.received[0]).toBe(b.notices.received[0]);
  expect(a.notices.received).toMatchObject([
    { publication: { topic: "news", offset: 1 } },
    { publication: { topic: "news", offset: 2 } },
  ]);
  b.leave();
  publish("3");
  await settle();
  expect([a.payloads().length, b.payloads().length]).toEqual([3, 2]);
});

test("who comes back gets exactly what was missed, as far as it is kept", async () => {
  const { subscriber, publish } = start({ historyMax: 3 });
  const a = subscriber("a");
  const { epoch } = await a.subscribe();
  for (const payload of ["1", "2", "3", "4", "5"]) publish(payload);
  const since = async (offset: number) => {
    const { recovered, missed } = await a.subscribe({ epoch, offset });
    return recovered ? missed.map(({ payload }) => payload) : "lost";
  };
  expect(await since(5)).toEqual([]);
  expect(await since(2)).toEqual(["3", "4", "5"]);
  expect(await since(1)).toBe("lost");
  expect(await since(6)).toBe("lost");
  const other = await a.subscribe({ epoch: "another", offset: 5 });
  expect(other).toMatchObject({ recovered: false, missed: [], offset: 5 });
});

test("what is older than the rule allows is not given as recovered", async () => {
  const { subscriber, publish, advance, settle, clock } = start({ historyMs: 1_000 });
  const a = subscriber("a");
  const { epoch } = await a.subscribe();
  publish("1");
  await settle();
  await advance(999);
  // The wall clock says nothing about how old it is.
  clock.jump(3_600_000);
  expect((await a.subscribe({ epoch, offset: 0 })).missed).toHaveLength(1);
  publish("2");
  await settle();
  await advance(1);
  expect(await a.subscribe({ epoch, offset: 0 })).toMatchObject({ recovered: false });
  expect((await a.subscribe({ epoch, offset: 1 })).missed).toMatchObject([{ payload: "2" }]);
});

test("a principal joins once and leaves once, however many sessions it has", async () => {
  const { subscriber, who, settle } = start();
  const watcher = subscriber("w", "user:w", true);
  await watcher.subscribe();
  const sessions = [subscriber("a1", "user:a"), subscriber("a2", "user:a"), subscriber("b")];
  for (const it of sessions) await it.subscribe();
  await sessions[0]!.subscribe();
  expect(watcher.seen()).toEqual(["occupancy of 1", "joined user:a", "joined user:b"]);
  expect(await who()).toMatchObject({ ok: true, value: { count: 3 } });
  sessions[0]!.leave();
  await settle();
  expect(watcher.seen()).toHaveLength(3);
  sessions[1]!.leave();
  sessions[1]!.leave();
  await settle();
  expect(watcher.seen().slice(3)).toEqual(["left user:a"]);
  expect(sessions[2]!.seen()).toEqual([]);
});

test("where more ask than hear of each change, all are told how many they are", async () => {
  const { subscriber, settle, advance } = start({ presenceMax: 2 });
  const watchers = ["a", "b", "c"].map((id) => subscriber(id, `user:${id}`, true));
  const [a, , c] = watchers;
  for (const it of watchers) await it.subscribe();
  // The third comes before it counts as one that asks.
  expect(a!.seen()).toEqual(["occupancy of 1", "joined user:b", "joined user:c"]);
  const others = ["d", "e", "f"].map((id) => subscriber(id));
  for (const it of others) await it.subscribe();
  others[0]!.leave();
  await advance(999);
  expect(a!.seen()).toHaveLength(3);
  await advance(1);
  expect(a!.seen().slice(3)).toEqual(["occupancy of 5"]);
  expect(c!.seen()).toEqual(["occupancy of 3", "occupancy of 5"]);
  // Few again: one of them may not know of all changes, so that all hear how many there are.
  c!.leave();
  await settle();
  await advance(1_000);
  others[1]!.leave();
  await settle();
  expect(a!.seen().slice(4)).toEqual(["occupancy of 4", "left user:e"]);
});

test("a topic that keeps its occupancy to itself tells nobody", async () => {
  const { subscriber, who } = start({ presence: false });
  const a = subscriber("a", "user:a", true);
  await a.subscribe();
  await subscriber("b").subscribe();
  expect(a.seen()).toEqual([]);
  expect(await who()).toMatchObject({ ok: false, error: { code: "topic.forbidden" } });
});

test("a topic with nobody in it ends once nothing could be recovered", async () => {
  const { subscriber, publish, advance, settle, system, topic } = start(
    { historyMs: 100_000 },
    { idleMs: 60_000 },
  );
  const a = subscriber("a");
  const { epoch } = await a.subscribe();
  publish("1");
  a.leave();
  await settle();
  await advance(60_000);
  expect(system.find(topicKind, "news")).toBeDefined();
  await advance(61_000);
  expect(system.find(topicKind, "news")).toBeUndefined();
  topic();
  expect(await a.subscribe({ epoch, offset: 1 })).toMatchObject({ recovered: false, offset: 0 });
});

test("a topic that was only asked who is there ends soon, and gives its place back", async () => {
  const { who, system, advance } = start({}, { topicsMax: 1 });
  expect(await who()).toMatchObject({ ok: true, value: { count: 0 } });
  await advance(1_000);
  expect(system.find(topicKind, "news")).toBeUndefined();
});

test("a topic that is full refuses the next, and those who are there may come again", async () => {
  const { subscriber } = start({}, { subscribersMax: 1 });
  const a = subscriber("a");
  await a.subscribe();
  await expect(subscriber("b").subscribe()).rejects.toMatchObject({ code: "gateway.busy" });
  await expect(a.subscribe()).resolves.toBeDefined();
});

test.each([1, 2, 3, 4, 5, 6])(
  "recovered means: nothing missed, nothing twice (seed %i)",
  async (seed) => {
    const random = seededRandom(seed);
    const { subscriber, publish, settle, advance } = start(
      { historyMax: 1 + Math.floor(random() * 8), historyMs: 500 },
      {},
      seed,
    );
    const a = subscriber("a");
    const published: string[] = [];
    const got: string[] = [];
    let place = { ...(await a.subscribe()) };
    let isThere = true;
    const drain = () => {
      for (const notice of a.notices.received.splice(0)) {
        if (notice.type !== "publication") continue;
        got.push(notice.publication.payload);
        place = { ...place, offset: notice.publication.offset };
      }
    };
    for (let step = 0; step < 200; step += 1) {
      const dice = random();
      if (dice < 0.6) {
        published.push(`${step}`);
        publish(`${step}`);
        await settle();
        drain();
      } else if (dice < 0.7) await advance(Math.floor(random() * 300));
      else if (isThere) {
        a.leave();
        isThere = false;
      } else {
        const answer = await a.subscribe({ epoch: place.epoch, offset: place.offset });
        if (!answer.recovered) got.push(...published.slice(place.offset, answer.offset));
        got.push(...answer.missed.map(({ payload }) => payload));
        place = answer;
        isThere = true;
      }
    }
    if (isThere) expect(got).toEqual(published);
    else expect(got).toEqual(published.slice(0, place.offset));
  },
);

test("topics keep as much together as they may; who cannot recover is told so", async () => {
  const historyBytesMax = 2 * (10 + ENTRY_BYTES) + 5;
  const { topic, publish, subscriber, settle } = start({}, { historyBytesMax });
  const a = subscriber("a");
  const { epoch } = await a.subscribe();
  for (const letter of ["a", "b", "c"]) publish(letter.repeat(10));
  await settle();
  const back = subscriber("back");
  expect(await back.subscribe({ epoch, offset: 0 })).toMatchObject({ recovered: false, offset: 3 });
  const { missed } = await back.subscribe({ epoch, offset: 1 });
  expect(missed.map(({ offset }) => offset)).toEqual([2, 3]);
  // One that is larger than all is published, and nothing is kept.
  topic().send({ type: "publish", payload: "d".repeat(historyBytesMax), from: undefined });
  await settle();
  expect(a.payloads()).toHaveLength(4);
  expect(await back.subscribe({ epoch, offset: 3 })).toMatchObject({ recovered: false });
  publish("e");
  expect(await back.subscribe({ epoch, offset: 4 })).toMatchObject({ recovered: true });
});

test("those who come back at once share the bytes, which nobody keeps for long", async () => {
  const { publish, subscriber, advance } = start();
  const { epoch } = await subscriber("a").subscribe();
  publish("1");
  const comesBack = async (id: string) =>
    (await subscriber(id).subscribe({ epoch, offset: 0 })).missed[0]!;
  const first = await comesBack("b");
  first.wire.json = Buffer.from("as a connection would");
  expect(await comesBack("c")).toBe(first);
  await advance(1_000);
  const later = await comesBack("d");
  expect(later).toEqual({ ...first, wire: {} });
});

test("a topic that the node has no room for refuses, until another one has ended", async () => {
  const { system, settle, advance } = start({}, { topicsMax: 1, idleMs: 1_000 });
  const publishTo = async (name: string) => {
    const replyTo = probe<Result<unknown>>();
    const publication = { type: "publish", payload: "1", from: undefined, replyTo } as const;
    system.entity(topicKind, name).send(publication);
    await settle();
    return replyTo.received[0]!;
  };
  expect(await publishTo("first")).toMatchObject({ ok: true });
  for (const name of ["second", "third"]) {
    const refused = await publishTo(name);
    expect(refused).toMatchObject({ ok: false, error: { code: "gateway.busy" } });
    expect(refused).toMatchObject({
      error: { message: expect.stringContaining("has 1 topics already") },
    });
  }
  await advance(302_000);
  expect(system.count(topicKind)).toBe(0);
  expect(await publishTo("second")).toMatchObject({ ok: true });
});
