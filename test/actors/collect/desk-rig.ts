import { collectionActor } from "../../../src/actors/collect/collection.ts";
import { audienceDesk, newAudienceDesk } from "../../../src/actors/collect/desk.ts";
import {
  type Audience,
  type AudienceAnswer,
  type AudienceMessage,
  type AudienceProgress,
  type AudienceSource,
  collectionKind,
  type MemberApi,
} from "../../../src/actors/collect/messages.ts";
import { newCollection } from "../../../src/actors/collect/state.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { partitionOf } from "../../../src/core/hash.ts";
import type { Result } from "../../../src/core/result.ts";
import type { TaskCommand } from "../../../src/core/task.ts";
import { CsvDecoder } from "../../../src/gateways/csv/decoder.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Recipient } from "../../../src/persistence/ports/audience.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { audience } from "../../conformance/open-stores.ts";
import { probe, testSystem } from "../../testkit/kit.ts";

/** No member API may be called. */
export const noApi: MemberApi = {
  check: () => {
    throw new Error("no member API is expected to be called");
  },
  page: () => Promise.reject(new Error("no member API is expected to be called")),
};

export interface DeskOptions {
  readonly stores?: Stores;
  readonly prefix?: string;
  readonly memberApi?: MemberApi;
}

/** An audience desk with its collections on virtual time. */
export function startDesk({ stores, prefix = "a", memberApi = noApi }: DeskOptions = {}) {
  const kit = testSystem();
  const opened = stores ?? memoryStores({ inboxPerUserMax: 1 });
  const deps = { ...opened, memberApi };
  let ids = 0;
  const newId = () => {
    ids += 1;
    return `aud_${prefix}${ids}`;
  };
  const under = kit.system.supervisor("collections");
  const type = collectionActor(deps);
  kit.system.registerEntity(collectionKind, { under, type, state: newCollection });
  const newDecoder = () => new CsvDecoder();
  const desk = kit.system.spawn(
    audienceDesk({ audiences: opened.audiences, newId, newDecoder, collect: deps }),
    { name: "desk", state: newAudienceDesk },
  );
  const settle = () => kit.settle({ effects: "all" });

  const ask = async <Answer>(
    request: (replyTo: Ref<Result<Answer>>) => AudienceMessage,
  ): Promise<Result<Answer>> => {
    const replyTo = probe<Result<Answer>>();
    desk.send(request(replyTo));
    return replyTo.next();
  };
  const create = (source: AudienceSource, start = true) =>
    ask<Audience>((replyTo) => ({
      ...{ type: "create-audience", name: "n", source, start, by: "test", why: "a test", replyTo },
    }));
  const wait = (id: string) => ask<Audience>((replyTo) => ({ type: "wait-audience", id, replyTo }));
  const collect = async (source: AudienceSource): Promise<Audience> => {
    const made = must(await wait(must(await create(source)).id));
    await settle();
    return made;
  };
  const command = (id: string, name: TaskCommand | "proceed", by = "test", why = "a test") =>
    ask<AudienceAnswer>((replyTo) => ({
      ...{ type: "command-audience", id, command: name, by, why, replyTo },
    }));
  const progress = async (id: string) =>
    must(
      await ask<AudienceProgress>((replyTo) => ({ type: "read-audience-progress", id, replyTo })),
    );
  const log = async (id: string) =>
    (await opened.audiences.log(id, { limit: 100 })).items.map(
      ({ from, to, epoch, by }) => `${from} -> ${to} ${epoch} ${by}`,
    );
  const read = async (id: string) => (await opened.audiences.read(id)) as Audience;
  return {
    ...{ kit, stores: opened, desk, ask, create, wait, collect, command, progress, log, read },
    settle,
  };
}

export function must<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw result.error;
}

/** Every page of an audience, each in the partition that its members belong to. */
export async function pagesOf({ audiences }: Stores, { id, partitions }: Audience) {
  const all: Recipient[][] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    for (let k = 0; ; k += 1) {
      const page = await audiences.page(id, { partition, k });
      if (page === undefined) break;
      const wrong = page.recipients.find((it) => partitionOf(it.member, partitions) !== partition);
      if (wrong !== undefined) throw new Error(`${wrong.member} is in a wrong partition`);
      all.push([...page.recipients]);
    }
  }
  return all;
}

/** A frozen audience of these members, in this many partitions. */
export async function freeze(
  { audiences }: Stores,
  id: string,
  members: readonly string[],
  partitions = 1,
) {
  await audiences.create(audience(id, { partitions }));
  for (let partition = 0; partition < partitions; partition += 1) {
    const recipients = members
      .filter((member) => partitionOf(member, partitions) === partition)
      .sort()
      .map((member) => ({ member, vars: { from: id } }));
    if (recipients.length > 0) {
      await audiences.seal(id, partition, [{ partition, k: 0, recipients }]);
    }
  }
  const size = members.length;
  await audiences.update(audience(id, { partitions, state: "finished", size }));
}

/** `m-<from>` to `m-<to>`, without the last. */
export function ids(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => `m-${from + n}`);
}
