/** The devices of a soak, and the back end that pushes to them: one process. */
import { BOARD_DEVICE } from "../../src/core/device-secret.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { answerParent } from "./child.ts";
import { addressOf, several } from "./several.ts";
import { BackEnd } from "./soak-back-end.ts";
import { SoakCounts, SoakDevice, type SoakPlace } from "./soak-device.ts";
import { udpWire } from "./udp-wire.ts";
import { webSocketWire } from "./web-socket-wire.ts";

export interface OpenSoak {
  readonly type: "open";
  readonly url: string;
  readonly udpPort: number;
  readonly token: string;
  readonly sessions: number;
  readonly seed: number;
}

export interface RunSoak {
  readonly type: "run";
  readonly ms: number;
  readonly actionsPerSecond: number;
}

const OPENING_MAX = 50;
const STEP_MS = 50;
const AWAY_MAX_MS = 3_000;
const SETTLE_MS = 30_000;
const TOPIC_SUBSCRIBERS = 20;
const MIXED_EACH = 10;

const counts = new SoakCounts();
const devices: SoakDevice[] = [];
const names: string[] = [];
let backEnd: BackEnd;
let random: Random = seededRandom(1);
/** Devices that are on their way back. */
const returning = new Set<Promise<void>>();

answerParent({ open, run, settle });

/**
 * Phones and boards in pairs, each bound to the other, all connected. Of each tenth pair the phone
 * changes between the encodings with each connection, and the board between UDP and WebSocket.
 */
async function open({ url, udpPort, token, sessions, seed }: OpenSoak): Promise<object> {
  random = seededRandom(seed);
  backEnd = new BackEnd(url, token);
  const ports = { port: Number(new URL(url).port), udpPort };
  const pairs = Array.from({ length: Math.ceil(sessions / 2) }, (_, pair) => pair);
  await several(OPENING_MAX, pairs, async (pair) => {
    await backEnd.bind(`b-${pair}`, `u-${pair}`);
    const topic = `t.${Math.floor((pair * 2) / TOPIC_SUBSCRIBERS)}`;
    const isMixed = pair % MIXED_EACH === 0;
    add(pair * 2, `user:u-${pair}`, {
      ...{ device: "phone", other: `board:b-${pair}`, topic },
      wires: await phoneWires(pair, ports, isMixed),
    });
    add(pair * 2 + 1, `board:b-${pair}`, {
      ...{ device: BOARD_DEVICE, other: `user:u-${pair}`, topic },
      wires: await boardWires(pair, ports, isMixed),
    });
  });
  await several(OPENING_MAX, devices, (device) => device.connect());
  return { open: devices.filter(({ isHere }) => isHere).length };
}

interface Ports {
  readonly port: number;
  readonly udpPort: number;
}

type Wires = SoakPlace["wires"];

async function phoneWires(pair: number, { port }: Ports, isMixed: boolean): Promise<Wires> {
  const place = { port, localAddress: addressOf(pair * 2) };
  const credential = await backEnd.credential({ kind: "device", user: `u-${pair}` });
  const json = { name: "json", open: webSocketWire(place, "json"), credential } as const;
  const msgpack = { name: "msgpack", open: webSocketWire(place, "msgpack"), credential } as const;
  return isMixed ? [msgpack, json] : [json];
}

async function boardWires(pair: number, { port, udpPort }: Ports, isMixed: boolean) {
  const [board, localAddress] = [`b-${pair}`, addressOf(pair * 2 + 1)];
  const credential = await backEnd.credential({ kind: "board", board });
  const overJson = webSocketWire({ port, localAddress }, "json");
  const json = { name: "json", open: overJson, credential } as const;
  if (!isMixed) return [json];
  const key = { type: "device", principal: `board:${board}`, device: BOARD_DEVICE } as const;
  const secret = await backEnd.secret(board);
  const seed = Math.floor(random() * 2 ** 32);
  const open = udpWire({ port: udpPort, localAddress, key, secret, seed });
  return [{ name: "udp", open } as const, json];
}

function add(index: number, name: string, place: SoakPlace): void {
  names[index] = name;
  devices[index] = new SoakDevice(place, counts);
}

/** So much of everything at random, evenly over the time. */
async function run({ ms, actionsPerSecond }: RunSoak): Promise<object> {
  const endsAt = performance.now() + ms;
  let due = 0;
  for (let at = performance.now(); at < endsAt; ) {
    const now = performance.now();
    due += ((now - at) * actionsPerSecond) / 1000;
    at = now;
    for (; due >= 1; due -= 1) act(devices[Math.floor(random() * devices.length)]!);
    await backEnd.flush();
    await pause(STEP_MS);
  }
  return {};
}

function act(device: SoakDevice): void {
  const chance = random();
  if (chance < 0.3) return push(devices.indexOf(device));
  if (!device.isHere) return;
  if (chance < 0.6) device.ask();
  else if (chance < 0.75) device.publish();
  else if (chance < 0.88) void device.ping();
  else comeAndGo(device, chance < 0.98 ? "drop" : "good-bye");
}

function push(index: number): void {
  counts.pushes += 1;
  const n = counts.pushes;
  devices[index]!.expected.add(n);
  backEnd.push(names[index]!, n);
}

function comeAndGo(device: SoakDevice, how: "drop" | "good-bye"): void {
  const back = device
    .leave(how)
    .then(() => pause(random() * AWAY_MAX_MS))
    .then(() => device.connect())
    .finally(() => returning.delete(back));
  returning.add(back);
}

/** Lets everything come to its end, with all devices there; what has not come then is lost. */
async function settle(): Promise<object> {
  await backEnd.flush();
  while (returning.size > 0) await Promise.all(returning);
  // Those whose connection the node has ended: they are counted, and come back all the same.
  await several(
    OPENING_MAX,
    devices.filter(({ isHere }) => !isHere),
    (device) => device.connect(),
  );
  const endsAt = performance.now() + SETTLE_MS;
  const open = (of: "asked" | "expected") =>
    devices.reduce((sum, device) => sum + device[of].size, 0);
  while (open("asked") + open("expected") > 0 && performance.now() < endsAt) await pause(STEP_MS);
  await several(OPENING_MAX, devices, (device) => device.ping());
  const { unexplained, firstWrong, ...figures } = counts;
  return {
    figures: { ...figures, slowestPushMs: backEnd.slowestPushMs },
    ...{ unexplained, firstWrong, refused: backEnd.refused },
    ...{ silent: open("asked"), lost: open("expected") },
    here: devices.filter(({ isHere }) => isHere).length,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
