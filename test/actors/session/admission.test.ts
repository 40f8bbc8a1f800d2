import { expect, test } from "vitest";
import { type ConnectionMessage, sessionKind } from "../../../src/actors/session/messages.ts";
import type { Admit, SecretVersion } from "../../../src/actors/session/state.ts";
import { userKind } from "../../../src/actors/user/messages.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { fail, ok } from "../../../src/core/result.ts";
import { probe } from "../../testkit/kit.ts";
import { routingNode } from "./routing-node.ts";

type Answer = Awaited<ReturnType<Admit>>;

/** A node where a test decides who comes in. */
function start(secretVersion?: SecretVersion) {
  const asked: { who: Parameters<Admit>[0]; answer: (it: Answer) => void }[] = [];
  const node = routingNode({
    shared: {
      admit: (who) => new Promise((answer) => void asked.push({ who, answer })),
      secretVersion,
    },
  });
  const talker = async () => {
    const made = node.talker("ann", "phone");
    await node.settle();
    return made;
  };
  const answer = async (index: number, it: Answer) => {
    asked[index]!.answer(it);
    await node.settle();
  };
  const isKnown = () => node.system.find(userKind, "ann") !== undefined;
  return { ...node, asked, talker, answer, isKnown };
}

const refused: Answer = fail(new RuntimeError("platform.refused", "not paid"));

test("nobody is told of a device before it is admitted, and then it is welcome", async () => {
  const { asked, talker, answer, isKnown } = start();
  const ann = await talker();
  expect(asked[0]!.who).toEqual({ principal: "ann", device: "phone" });
  expect([ann.welcome(), isKnown()]).toEqual([undefined, false]);
  await answer(0, ok({}));
  expect([ann.welcome() !== undefined, isKnown()]).toEqual([true, true]);
});

test("a device that is refused is told so, in words, and leaves nothing behind", async () => {
  const { talker, answer, isKnown, system } = start();
  const ann = await talker();
  await answer(0, refused);
  expect(ann.connection.received).toEqual([
    { type: "frame", frame: { type: "error", code: "platform.refused", message: "not paid" } },
    { type: "close", reason: "unauthorized", message: "not paid" },
  ]);
  expect([isKnown(), system.count(sessionKind)]).toEqual([false, 0]);
});

test("a device that nobody could decide about is told to come again", async () => {
  const { talker, answer } = start();
  const ann = await talker();
  const options = { retryAfterMs: 700 };
  await answer(0, fail(new RuntimeError("platform.failed", "it is down", options)));
  expect(ann.frames()).toMatchObject([{ code: "platform.failed", retryAfterMs: 700 }]);
  expect(ann.closed()).toBe("busy");
});

test("what is granted adds to the credential, also after a refresh", async () => {
  const { talker, answer, settle } = start();
  const ann = await talker();
  await answer(0, ok({ grants: { subscribe: [], publish: ["extra"] } }));
  const publish = async (id: number, topic: string) => {
    ann.request({ type: "publish", id, topic, payload: 1 });
    await settle();
    return ann.frames().at(-1)!.type;
  };
  expect(await publish(1, "own")).toBe("error");
  expect(await publish(2, "extra")).toBe("published");
  ann.session.send({ type: "grants", grants: { subscribe: [], publish: ["own"] } });
  expect(await publish(3, "own")).toBe("published");
  expect(await publish(4, "extra")).toBe("published");
});

test("a session that is continued is asked about anew, and stays when refused", async () => {
  const { talker, answer, attach, settle, asked, system } = start();
  const ann = await talker();
  await answer(0, ok({}));
  ann.drop();
  const second = attach(ann.session);
  await settle();
  await answer(1, refused);
  expect([second.welcome(), second.closed()]).toEqual([undefined, "unauthorized"]);
  expect(system.count(sessionKind)).toBe(1);
  const third = attach(ann.session);
  await settle();
  await answer(2, ok({}));
  expect(third.welcome()).toBeDefined();
  expect(asked).toHaveLength(3);
});

test("a connection that leaves or is replaced while it is asked about stays out", async () => {
  const { talker, answer, attach, settle, isKnown, system } = start();
  const gone = await talker();
  const next = attach(gone.session);
  await settle();
  expect(gone.closed()).toBe("replaced");
  await answer(0, ok({}));
  expect([gone.welcome(), next.welcome()]).toEqual([undefined, undefined]);
  next.drop();
  await settle();
  await answer(1, ok({}));
  expect([next.welcome(), isKnown(), system.count(sessionKind)]).toEqual([undefined, false, 0]);
});

test("a device that is asked about does not drive out the one that is there", async () => {
  const { talker, answer, attach, settle } = start();
  const first = await talker();
  await answer(0, ok({}));
  const second = attach(first.session);
  await settle();
  expect(first.closed()).toBeUndefined();
  await answer(1, refused);
  expect([first.closed(), second.closed()]).toEqual([undefined, "unauthorized"]);
});

test("a secret that ends while somebody else is asked lets nobody in", async () => {
  let current: number | undefined = 1;
  const { openSession, answer, settle, system } = start(async () => ok(current));
  const login = async () => {
    const connection = probe<ConnectionMessage>();
    const session = openSession("board:b1", "board");
    session.send({ type: "attach", connection, offset: -1, secretVersion: 1 });
    await settle();
    return connection;
  };
  const [good, late, forgotten] = [await login(), await login(), await login()];
  await answer(0, ok({}));
  expect(good.last?.type).toBe("welcome");
  current = 2;
  await answer(1, ok({}));
  const another = "the credential is not accepted: the board has another secret since it was made";
  expect(late.last).toEqual({ type: "close", reason: "unauthorized", message: another });
  current = undefined;
  await answer(2, ok({}));
  expect(forgotten.last).toMatchObject({ message: expect.stringContaining("is not registered") });
  expect(system.count(sessionKind)).toBe(1);
});
