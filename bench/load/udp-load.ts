/** The load of `bench/udp.ts`: devices that ask as soon as they are answered. */
import { createSocket, type Socket } from "node:dgram";
import { encodeMsgpack } from "../../clients/js/src/msgpack.ts";
import { Channel } from "../../src/gateways/udp/channel.ts";
import { channelKeys, startMac } from "../../src/gateways/udp/keys.ts";
import {
  cookieOf,
  HEADER_BYTES,
  NONCE_BYTES,
  PACKET,
  SESSION_BYTES,
  typeOf,
  writeInit,
  writeStart,
} from "../../src/gateways/udp/packet.ts";
import { answerParent } from "./child.ts";

const SECRET = Buffer.alloc(32, 1);
const PING = encodeMsgpack({ type: "ping", id: 12_345, data: "0123456789abcdef".repeat(4) });
const TICK_MS = 5;

/** One device with one socket: a channel, or bare datagrams. */
interface Device {
  /** Puts a question on its way. */
  ask(): void;
  tick(): void;
}

let answers = 0;
let devices: Device[] = [];

answerParent({
  async open({ port, count, bare }: { port: number; count: number; bare: boolean }) {
    for (let index = 0; index < count; index += 1) {
      devices.push(bare ? await bareDevice(port) : await channelDevice(port, index));
    }
  },
  /** Questions answered per second, with so many of each device on their way. */
  async measure({ depth, ms }: { depth: number; ms: number }) {
    isOn = true;
    for (const device of devices) for (let n = 0; n < depth; n += 1) device.ask();
    const ticking = setInterval(() => {
      for (const device of devices) device.tick();
    }, TICK_MS);
    await new Promise((resolve) => setTimeout(resolve, ms / 4));
    answers = 0;
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const perSecond = (answers / (performance.now() - start)) * 1000;
    isOn = false;
    // What is still on its way must not be counted in the next round.
    await new Promise((resolve) => setTimeout(resolve, 200));
    clearInterval(ticking);
    return perSecond;
  },
  close: () => {
    devices = [];
  },
});

let isOn = false;

async function bareDevice(port: number): Promise<Device> {
  const socket = await open(port);
  // As long as a sealed ping.
  const bytes = Buffer.alloc(PING.length + 7 + HEADER_BYTES + 16);
  const ask = (): void => socket.send(bytes);
  socket.on("message", () => {
    answers += 1;
    if (isOn) ask();
  });
  return { ask, tick() {} };
}

async function channelDevice(port: number, index: number): Promise<Device> {
  const socket = await open(port);
  const channel = await shakeHands(socket, index);
  const emit = (datagram: Buffer): void => void socket.send(datagram);
  const flush = (): void => channel.flush(performance.now(), emit);
  let welcome = (): void => {};
  let waiting = 0;
  const reader = {
    frame: () => {
      welcome();
      waiting += 1;
    },
    closed: () => {
      throw new Error("a device was sent away");
    },
  };
  // One question per datagram, which is what is measured.
  const ask = (): void => {
    channel.send(PING);
    flush();
  };
  socket.on("message", (datagram) => {
    channel.receive(datagram, performance.now(), reader);
    answers += waiting;
    const asked = isOn ? waiting : 0;
    waiting = 0;
    for (let n = 0; n < asked; n += 1) ask();
    if (asked === 0) flush();
  });
  const welcomed = new Promise<void>((resolve) => {
    welcome = resolve;
  });
  channel.send(encodeMsgpack({ type: "hello", device: "bench" }));
  flush();
  await welcomed;
  welcome = () => {};
  return { ask, tick: flush };
}

async function shakeHands(socket: Socket, index: number): Promise<Channel> {
  const nonce = Buffer.alloc(NONCE_BYTES, index + 1);
  const key = { type: "device", principal: `user-${index}`, device: "bench" } as const;
  const cookie = await answerTo(socket, writeInit(nonce), PACKET.cookie);
  const start = writeStart(nonce, cookieOf(cookie), key);
  const whole = Buffer.concat([start, startMac(SECRET, nonce, start)]);
  const accept = await answerTo(socket, whole, PACKET.accept);
  const serverNonce = accept.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const keys = channelKeys(SECRET, nonce, serverNonce);
  return new Channel({
    session: Buffer.from(accept.subarray(1, 1 + SESSION_BYTES)),
    outward: keys.fromDevice,
    inward: keys.fromServer,
    attemptsMax: 8,
  });
}

function answerTo(socket: Socket, packet: Uint8Array, type: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once("message", (bytes) => {
      if (typeOf(bytes) === type) resolve(bytes);
      else reject(new Error(`a packet of type ${typeOf(bytes)} instead of ${type}`));
    });
    socket.send(packet);
  });
}

async function open(port: number): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.connect(port, "127.0.0.1", resolve));
  socket.setRecvBufferSize(4_194_304);
  return socket;
}
