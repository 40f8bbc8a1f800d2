import { expect, test } from "vitest";
import { userKind } from "../../../src/actors/user/messages.ts";
import type { LoginPolicy } from "../../../src/actors/user/state.ts";
import { routingNode, type Talker } from "../session/routing-node.ts";

const MANY: LoginPolicy = { policy: "many", max: 1, whenFull: "refuse" };

function nodeWith(policy: Partial<LoginPolicy>, board: LoginPolicy = MANY) {
  return routingNode({ user: { login: { phone: { ...MANY, ...policy }, board } } });
}

const names = (count: number, user = "ann"): string[] => Array(count).fill(user);
const closed = (devices: readonly Talker[]) => devices.map((device) => device.closed());

test("many: a user is logged in as often as it likes", async () => {
  const node = nodeWith({});
  const phones = await node.talkers(...names(40));
  expect(phones.every((phone) => phone.welcome() !== undefined)).toBe(true);
  expect(closed(phones)).toEqual(Array(40).fill(undefined));
});

test("up to fifteen: the sixteenth is refused and told why, and the others stay", async () => {
  const node = nodeWith({ policy: "up-to", max: 15 });
  const phones = await node.talkers(...names(15));
  const [late] = await node.talkers("ann");
  expect(closed(phones)).toEqual(Array(15).fill(undefined));
  expect(late!.welcome()).toBeUndefined();
  expect(late!.kick()).toEqual({
    type: "close",
    reason: "too-many-sessions",
    message: "15 are logged in; at most 15 at once",
  });
  const [other] = await node.talkers("ben");
  expect(other!.welcome()).toBeDefined();
});

test("up to fifteen with the oldest giving way: the first is kicked and told why", async () => {
  const node = nodeWith({ policy: "up-to", max: 15, whenFull: "oldest" });
  const phones = await node.talkers(...names(15));
  const [late] = await node.talkers("ann");
  expect(late!.welcome()).toBeDefined();
  expect(closed(phones)).toEqual(["replaced", ...Array(14).fill(undefined)]);
  expect(phones[0]!.kick()?.message).toBe("a newer log-in took its place; at most 15 at once");
});

test("the newest wins: whoever was there is kicked with the reason", async () => {
  const node = nodeWith({ policy: "newest" });
  const [first] = await node.talkers("ann");
  const [second] = await node.talkers("ann");
  expect(first!.kick()).toEqual({
    type: "close",
    reason: "replaced",
    message: "a newer log-in took its place; at most 1 at once",
  });
  expect(second!.welcome()).toBeDefined();
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(1);
});

test("phones and boards have policies of their own", async () => {
  const node = nodeWith({}, { policy: "newest", max: 1, whenFull: "refuse" });
  const phones = await node.talkers(...names(3));
  const boards = await node.talkers(...names(3, "board:lamp"));
  expect(closed(phones)).toEqual([undefined, undefined, undefined]);
  expect(closed(boards)).toEqual(["replaced", "replaced", undefined]);
});

test("weakness 5: slots of dead connections free themselves when they are needed", async () => {
  const node = nodeWith({ policy: "up-to", max: 3 });
  const phones = await node.talkers(...names(3));
  phones[1]!.drop();
  await node.settle();
  const [fresh] = await node.talkers("ann");
  expect(fresh!.welcome()).toBeDefined();
  const [refused] = await node.talkers("ann");
  expect(refused!.closed()).toBe("too-many-sessions");
  // The one that gave way has ended: its device logs in anew, and is refused like others.
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(3);
});

test("weakness 5: slots of dead connections are free once their grace is over, too", async () => {
  const node = nodeWith({ policy: "up-to", max: 15 });
  for (let round = 0; round < 4; round += 1) {
    const phones = await node.talkers(...names(15));
    expect(closed(phones)).toEqual(Array(15).fill(undefined));
    for (const phone of phones) phone.drop();
    await node.advance(60_001);
  }
  expect(node.system.inspect({ under: "/sessions" })).toEqual([]);
});

test("a device that logs in again takes its own slot and nobody else's", async () => {
  const node = nodeWith({ policy: "up-to", max: 2 });
  const one = node.talker("ann", "one");
  const two = node.talker("ann", "two");
  await node.settle();
  const again = node.talker("ann", "one");
  await node.settle();
  expect(closed([one, two, again])).toEqual(["replaced", undefined, undefined]);
});

test("a session that is resumed keeps its slot", async () => {
  const node = nodeWith({ policy: "up-to", max: 2 });
  const [one] = await node.talkers(...names(2));
  one!.drop();
  await node.settle();
  const again = node.talks(node.attach(one!.session));
  await node.settle();
  expect(again.welcome()).toBeDefined();
  const [third] = await node.talkers("ann");
  expect(third!.closed()).toBe("too-many-sessions");
});

test("who is kicked is told why", async () => {
  const node = nodeWith({});
  const [ann] = await node.talkers("ann");

  const why = "the password was changed";
  node.system.find(userKind, "ann")!.send({ type: "kick", device: undefined, why });
  await node.settle();
  expect(ann!.kick()).toEqual({ type: "close", reason: "kicked", message: why });
});
