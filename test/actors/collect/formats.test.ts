import { expect, test } from "vitest";
import { audienceDesk, newAudienceDesk } from "../../../src/actors/collect/desk.ts";
import type {
  Audience,
  AudienceMessage,
  ImportFormat,
  ImportHandle,
  ImportMessage,
} from "../../../src/actors/collect/messages.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import type { Result } from "../../../src/core/result.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { audienceDecoder } from "../../../src/wiring/audience-decoder.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { noApi } from "./desk-rig.ts";

function startDesk() {
  const kit = testSystem();
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const { audiences, collections, members } = stores;
  const type = audienceDesk({
    audiences,
    collect: { collections, members, memberApi: noApi },
    newId: () => "aud_1",
    newDecoder: audienceDecoder,
  });
  const desk = kit.system.spawn(type, { name: "desk", state: newAudienceDesk });
  const ask = async <Message, Answer>(
    to: Ref<Message>,
    request: (replyTo: Ref<Result<Answer>>) => Message,
  ): Promise<Answer> => {
    const replyTo = probe<Result<Answer>>();
    to.send(request(replyTo));
    const answer = await replyTo.next();
    if (answer.ok) return answer.value;
    throw answer.error;
  };
  const load = async (text: string, format: ImportFormat): Promise<Audience> => {
    const begin = {
      type: "begin-import",
      by: "test",
      name: "n",
      bytes: text.length,
      format,
    } as const;
    const handle = await ask<AudienceMessage, ImportHandle>(desk, (replyTo) => ({
      ...begin,
      replyTo,
    }));
    const bytes = Buffer.from(text);
    await ask<ImportMessage, unknown>(handle.import, (replyTo) => ({
      type: "chunk",
      bytes,
      replyTo: replyTo as never,
    }));
    return ask<ImportMessage, Audience>(handle.import, (replyTo) => ({ type: "end", replyTo }));
  };
  const recipients = async () =>
    (await audiences.page("aud_1", { partition: 0, k: 0 }))?.recipients ?? [];
  const errors = async () => (await audiences.errors("aud_1", { limit: 99 })).items;
  return { stores, load, recipients, errors };
}

test("one id per line becomes an audience; bad lines are told and left out", async () => {
  const desk = startDesk();
  const made = await desk.load(`100017\n\n 100018 \r\n100017\n${"9".repeat(200)}\nö`, "lines");
  expect(made).toMatchObject({ state: "finished", size: 3, lines: 5, duplicates: 1, invalid: 1 });
  expect(await desk.recipients()).toEqual(["100017", "100018", "ö"].map((member) => ({ member })));
  expect(await desk.errors()).toMatchObject([{ line: 5, field: "member" }]);
});

test("NDJSON holds ids, or members with variables", async () => {
  const desk = startDesk();
  const lines = [
    '"m-1"',
    "17",
    '{"member":"m-2","vars":{"name":"Ada"}}',
    '{"member":"m-3","vars":{"n":1}}',
    '{"id":"m-4"}',
    "[]",
    "null",
    "{",
  ];
  const made = await desk.load(lines.join("\n"), "ndjson");
  expect(made).toMatchObject({ size: 3, lines: 8, invalid: 5 });
  expect(await desk.recipients()).toEqual([
    { member: "17" },
    { member: "m-1" },
    { member: "m-2", vars: { name: "Ada" } },
  ]);
  expect((await desk.errors()).map(({ line, field }) => [line, field])).toEqual([
    ...[
      [4, "vars"],
      [5, ""],
      [6, ""],
      [7, ""],
      [8, ""],
    ],
  ]);
});

test("a file without any line is refused", async () => {
  for (const format of ["csv", "ndjson", "lines"] as const) {
    await expect(startDesk().load("\n\n", format)).rejects.toThrow(/empty/);
  }
});

test("who opted out or is suppressed is left out of an import, and counted", async () => {
  const desk = startDesk();
  await desk.stores.members.optOut("b", { optedOut: true, at: 1 });
  const entry = { kind: "member", value: "c", why: "x", by: "y", at: 1 } as const;
  await desk.stores.suppressions.suppress([entry]);
  const made = await desk.load("member\na\nb\nc\nb\nd\n", "csv");
  const excluded = { optedOut: 1, suppressed: 1, noAddress: 0 };
  expect(made).toMatchObject({ size: 2, lines: 5, excluded });
  expect(await desk.recipients()).toEqual([{ member: "a" }, { member: "d" }]);
});
