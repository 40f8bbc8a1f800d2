import { expect, test } from "vitest";
import type { BoardCommand } from "../../../src/core/device-request.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { fail, ok, type Result } from "../../../src/core/result.ts";
import { routingNode } from "./routing-node.ts";

type Changed = Result<{ readonly changed: boolean }>;

/** A board whose commands wait until they are answered. */
async function start() {
  const asked: { board: string; command: BoardCommand; answer: (it: Changed) => void }[] = [];
  const node = routingNode({
    shared: {
      commands: (board, command) =>
        new Promise((answer) => void asked.push({ board, command, answer })),
    },
  });
  const [lamp, ann] = await node.talkers("board:lamp", "ann");
  const command = async (id: number, it: BoardCommand, who = lamp!) => {
    who.request({ type: "command", id, command: it });
    await node.settle();
  };
  return { ...node, asked, lamp: lamp!, ann: ann!, command };
}

test("a board's command is done by whoever keeps boards, for that board", async () => {
  const { asked, lamp, command, settle } = await start();
  await command(7, { do: "rename", name: "Desk lamp" });
  expect(lamp.frames()).toEqual([]);
  expect(asked).toMatchObject([{ board: "lamp", command: { do: "rename", name: "Desk lamp" } }]);
  asked[0]!.answer(ok({ changed: true }));
  await settle();
  expect(lamp.frames()).toEqual([{ type: "done", id: 7, result: { changed: true } }]);
});

test("why it was not done is told", async () => {
  const { asked, lamp, command, settle } = await start();
  await command(7, { do: "bind", user: "ann" });
  asked[0]!.answer(fail(new RuntimeError("relation.refused", "it belongs to bob")));
  await settle();
  expect(lamp.frames()).toEqual([
    { type: "error", id: 7, code: "relation.refused", message: "it belongs to bob" },
  ]);
});

test("only so many are in work at once; the next has room when one is done", async () => {
  const { asked, lamp, command, settle } = await start();
  for (let id = 1; id <= 5; id += 1) await command(id, { do: "unbind" });
  expect(asked).toHaveLength(4);
  expect(lamp.frames()).toMatchObject([{ type: "error", id: 5, code: "route.too-many" }]);
  asked[2]!.answer(ok({ changed: true }));
  await settle();
  await command(6, { do: "unbind" });
  expect(asked).toHaveLength(5);
});

test("a phone has no commands, and a node without boards serves none", async () => {
  const { asked, ann, command } = await start();
  await command(7, { do: "unbind" }, ann);
  expect(ann.frames()).toMatchObject([{ type: "error", id: 7, code: "auth.forbidden" }]);
  expect(asked).toEqual([]);
  const bare = routingNode();
  const [lamp] = await bare.talkers("board:lamp");
  lamp!.request({ type: "command", id: 7, command: { do: "unbind" } });
  await bare.settle();
  expect(lamp!.frames()).toMatchObject([{ type: "error", id: 7, code: "protocol.invalid" }]);
});
