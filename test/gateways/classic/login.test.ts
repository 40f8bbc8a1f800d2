/** Who may log in over classic WebSocket, what the others are told, and how connections end. */
import { expect, test } from "vitest";
import { sessionKind } from "../../../src/actors/session/messages.ts";
import { Chronicle } from "../../../src/core/chronicle.ts";
import { message } from "./bytes.ts";
import { classicNode } from "./classic-node.ts";

const USER = 4096n;
const BOARD = -17n;

test("each thing that is wrong with a log-in has its byte, and ends the connection", async () => {
  const { open, node, classic } = classicNode();
  const clock = node.clock.now();
  const answers: number[][] = [];
  const say = async (text: string) => {
    const socket = await open();
    socket.say(text);
    answers.push([...(await socket.next())]);
    expect(await socket.closed).toBe(4202);
  };
  await say("hello");
  await say("0|0|0|x");
  await say(`17|soon|30|x`);
  await say(`17|${clock}|often|x`);
  await say(`17|${clock}|99999999|x`);
  await say(`17|${clock}|30|x`);
  expect(answers).toEqual([[1], [3], [4], [5], [8], [6]]);
  const told = async (id: bigint, facts: { clock: number | undefined; timeout?: number }) =>
    (await open()).login(id, facts);
  // A phone's own number is given, not taken; and a clock that is off, or missing, is refused.
  expect(await told(USER + 3n, { clock })).toEqual([3]);
  expect(await told(BOARD, { clock: clock - 60_000 })).toEqual([4]);
  expect(await told(BOARD, { clock: undefined })).toEqual([4]);
  const binary = await open();
  binary.send(Buffer.from("p"));
  expect([...(await binary.next())]).toEqual([1]);
  expect(classic.users).toBe(0);
});

test("a device without a clock is let in where that is configured", async () => {
  const login = { secret: "another secret", skewMax: 60, allowsNoClock: true };
  const { open } = classicNode({ classic: { login } });
  const { secret } = login;
  expect(await (await open()).login(BOARD, { clock: undefined, secret })).toEqual([0]);
});

test("weakness 6: an overheard log-in is refused, within the minute and after", async () => {
  const { open, node } = classicNode();
  const clock = node.clock.now();
  expect(await (await open()).login(BOARD, { clock })).toEqual([0]);
  expect(await (await open()).login(BOARD, { clock })).toEqual([4]);
  node.clock.advance(59_000);
  expect(await (await open()).login(BOARD, { clock })).toEqual([4]);
  node.clock.advance(1000);
  expect(await (await open()).login(BOARD, { clock })).toEqual([4]);
  expect(await (await open()).login(BOARD, { clock: node.clock.now() })).toEqual([0]);
});

test("weakness 6: log-ins from one address are limited, so that nobody tries secrets", async () => {
  const { open, node } = classicNode({ limits: { loginsPerSecond: 1, loginsBurst: 2 } });
  const clock = node.clock.now();
  const attempt = async (secret?: string) =>
    (await open()).login(BOARD, { clock, ...(secret === undefined ? {} : { secret }) });
  expect([await attempt("one"), await attempt("two")]).toEqual([[6], [6]]);
  // Also the right one has to wait.
  expect(await attempt()).toEqual([9]);
  node.clock.advance(1000);
  expect(await attempt()).toEqual([0]);
});

test("weakness 5: fifteen phones of a user are let in, and who leaves makes room", async () => {
  const { open, node, classic } = classicNode();
  const clock = node.clock.now();
  const phones = [];
  for (let slot = 1; slot <= 15; slot += 1) {
    const phone = await open();
    expect(await phone.login(USER, { clock, timeout: slot })).toEqual([0, slot]);
    phones.push(phone);
  }
  expect(await (await open()).login(USER, { clock, timeout: 16 })).toEqual([3]);
  phones[6]!.close();
  await phones[6]!.closed;
  await node.serves();
  const seventh = await open();
  expect(await seventh.login(USER, { clock, timeout: 17 })).toEqual([0, 7]);
  for (const phone of [...phones, seventh]) phone.close();
  await Promise.all([...phones, seventh].map(({ closed }) => closed));
  await node.serves();
  expect(classic.users).toBe(0);
});

test("weakness 5: phones whose sessions the node ends make room, too", async () => {
  const { device, node, classic } = classicNode();
  const phones = [];
  for (let slot = 1; slot <= 15; slot += 1) phones.push(await device(USER, slot));
  node.system.each(sessionKind, (session) => session.send({ type: "close", reason: "internal" }));
  await Promise.all(phones.map(({ closed }) => closed));
  expect(classic.users).toBe(0);
  await device(USER, 16);
  expect(classic.users).toBe(1);
});

test("weakness 5: phones that say nothing any more make room, too", async () => {
  const { device, node, classic, open } = classicNode();
  const silent = await device(USER, 10);
  const alive = await device(USER, 100);
  node.clock.advance(29_000);
  await silent.heartbeat();
  node.clock.advance(29_000);
  await silent.heartbeat();
  await alive.heartbeat();
  // Three times its own heartbeat; each is looked at within five ticks.
  node.clock.advance(36_000);
  expect(await silent.closed).toBe(4104);
  await alive.heartbeat();
  expect(classic.connections).toBe(1);
  const again = await open();
  expect(await again.login(USER, { clock: node.clock.now(), timeout: 1 })).toEqual([0, 1]);
});

test("a device that could not be heard because the node stood still is not gone", async () => {
  const { device, node, classic } = classicNode();
  const phone = await device(USER, 10);
  node.clock.advance(4_000);
  node.clock.halt(600_000);
  // What is due fires first, before anything is read.
  for (let tick = 0; tick < 5; tick += 1) node.clock.advance(1000);
  await phone.heartbeat();
  for (let second = 0; second < 36; second += 1) node.clock.advance(1000);
  expect(await phone.closed).toBe(4104);
  expect(classic.connections).toBe(0);
});

test("a device that logs in again and again is refused for a while; others are not", async () => {
  const chronicle = new Chronicle();
  const { open, node } = classicNode({
    bans: { flapsPerAddress: 0, flapsPerUser: 3, flapWindowMs: 60_000, banMs: 30_000 },
    classic: { chronicle },
  });
  const attempt = async (id: bigint, timeout: number) =>
    (await open()).login(id, { clock: node.clock.now(), timeout });
  for (let n = 1; n <= 3; n += 1) expect(await attempt(BOARD, n)).toEqual([0]);
  expect(await attempt(BOARD, 4)).toEqual([9]);
  expect(await attempt(-18n, 4)).toEqual([0]);
  expect(chronicle.read("board:17").at(-1)).toMatchObject({
    type: "refused",
    message: "it logs in too often; banned for 30000 ms",
  });
  node.clock.advance(31_000);
  expect(await attempt(BOARD, 5)).toEqual([0]);
});

test("an address that comes again and again to find no room is not banned", async () => {
  const { open, classic } = classicNode({
    limits: { connectionsPerAddress: 1 },
    bans: { flapsPerAddress: 2, flapsPerUser: 0, flapWindowMs: 60_000, banMs: 30_000 },
  });
  const inside = await open();
  for (let knock = 0; knock < 5; knock += 1) await expect(open()).rejects.toThrow("no connection");
  inside.close();
  while (classic.connections > 0) await new Promise(setImmediate);
  await open();
});

test("whoever does not log in is closed after a minute", async () => {
  const { open, node } = classicNode();
  const mute = await open();
  node.clock.advance(66_000);
  expect(await mute.closed).toBe(4106);
});

test("a device that says more than it may is slowed, then closed; others are not", async () => {
  const { device, relations, classic } = classicNode({
    limits: { framesPerSecond: 10, framesBurst: 20 },
  });
  relations.bind("4096", "17");
  const [noisy, board] = [await device(USER), await device(BOARD)];
  for (let n = 0; n < 100; n += 1) noisy.send(message({ destination: BOARD, source: USER }));
  expect(await noisy.closed).toBe(4102);
  expect(classic.counts.dropped.get("rate")).toBeGreaterThan(20);
  await board.heartbeat();
});

test("phones with negative numbers of 32 bits write to each other byte by byte", async () => {
  const space = { bits: 32, phonesArePositive: false, hasSlots: false } as const;
  const { device, relations, classic } = classicNode({ classic: { space } });
  relations.bind("4097", "17");
  const [phone, board] = [await device(-4097n), await device(17n)];
  const bytes = Buffer.from("0300ffff11000000000000000000000061626364", "hex");
  phone.send(bytes);
  const got = await board.next();
  expect(got.subarray(16).toString()).toBe("abcd");
  expect(got.readInt32LE(12)).toBe(-4097);
  phone.send(bytes.subarray(0, 15));
  await phone.heartbeat();
  expect(classic.counts.dropped.get("malformed")).toBe(1);
});

test("without slots one number may be there many times, and all of them are reached", async () => {
  const space = { bits: 32, phonesArePositive: false, hasSlots: false } as const;
  const { open, device, node, relations, classic } = classicNode({ classic: { space } });
  relations.bind("5", "17");
  const clock = node.clock.now();
  const phones = [];
  for (let timeout = 1; timeout <= 20; timeout += 1) {
    const phone = await open();
    expect(await phone.login(-5n, { clock, timeout })).toEqual([0]);
    phones.push(phone);
  }
  const boards = [await device(17n, 30), await device(17n, 31)];
  const bytes = Buffer.alloc(20, 1);
  bytes.writeBigInt64LE(-5n, 4);
  boards[0]!.send(bytes);
  for (const phone of phones) expect((await phone.next()).readInt32LE(12)).toBe(17);
  expect(classic.connections).toBe(22);
});
