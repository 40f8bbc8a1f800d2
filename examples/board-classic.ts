/**
 * A board of the classic protocol over UDP, as the oldest in the field: registers once, logs in,
 * uploads its state, and acknowledges what phones tell it (`docs/protocol-classic.md`).
 *
 *     npx node examples/board-classic.ts [host] [port] [file]
 *
 * The node's configuration needs `classic.enabled`, `classic.secret` and `classic.udpEnabled`, and
 * `classic.registers` for the first time. The file (default: classic-state.json) keeps the number
 * and the cookie, with which the board logs in from then on. Ctrl-C ends it.
 */
import { createSocket } from "node:dgram";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { type ClassicMessage, readMessage, writeMessage } from "../src/gateways/classic/data.ts";
import type { FrameHeader } from "../src/gateways/classic/frame.ts";

const [host = "127.0.0.1", port = "7999", file = "classic-state.json"] = process.argv.slice(2);
const COMMANDS = { session: 0xe0, register: 0xe1, login: 0xe2, heartbeat: 0xe5, state: 0x30 };
const MAC = Buffer.from("02005e1000010000", "hex");
const SERIAL = Buffer.from("classic-board-01");
const NAME = Buffer.from("Desk lamp");
const REPEAT_MS = 1000;
const TRIES = 5;

interface Kept {
  readonly id: string;
  readonly cookie: string;
}

const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
const waiting = new Map<number, (reply: Buffer) => void>();
let sequence = 0;
let session = Buffer.alloc(16);

function frameTo(destination: bigint, opcode: number): FrameHeader {
  sequence = (sequence + 1) & 0xffff;
  const source = existsSync(file) ? BigInt(kept().id) : 0n;
  const flags = { isFinal: true, isMasked: false, version: 0, opcode };
  return { ...flags, sequence, time: Math.floor(Date.now() / 1000), destination, source };
}

/** Sends a command until its reply comes; what is repeated byte by byte is done once. */
async function ask(messageId: number, ...parts: readonly Buffer[]): Promise<Buffer> {
  const flags = { isRead: false, isAck: false, format: 0, keyLevel: 0, encryption: 0 };
  const frame = frameTo(0n, 2);
  const data = { ...flags, sequence: frame.sequence & 0xff, deviceType: 1, messageId };
  const bytes = writeMessage({ frame, data, body: Buffer.concat(parts) });
  const replied = new Promise<Buffer>((resolve) => waiting.set(frame.sequence, resolve));
  const name = `0x${messageId.toString(16)}`;
  for (let tries = 0; tries < TRIES; tries += 1) {
    socket.send(bytes, Number(port), host);
    const reply = await Promise.race([replied, setTimeout(REPEAT_MS, undefined)]);
    if (reply === undefined) continue;
    waiting.delete(frame.sequence);
    const code = reply.readUInt32LE();
    if (code !== 0) throw new Error(`${name} was answered ${code}`);
    return reply.subarray(4);
  }
  waiting.delete(frame.sequence);
  throw new Error(`${host}:${port} did not answer ${name}; it is tried again`);
}

function kept(): Kept {
  return JSON.parse(readFileSync(file, "utf8"));
}

async function register(): Promise<void> {
  const facts = Buffer.alloc(8);
  const name = [Buffer.of(NAME.length), NAME];
  const signature = Buffer.alloc(260);
  const reply = await ask(COMMANDS.register, session, facts, MAC, SERIAL, signature, ...name);
  const [id, cookie] = [`${reply.readBigInt64LE(16)}`, reply.toString("base64", 24, 88)];
  writeFileSync(file, JSON.stringify({ id, cookie }), { mode: 0o600 });
}

/** Resolves with how often the node wants to hear of the board, in seconds. */
async function connect(): Promise<number> {
  const opened = await ask(COMMANDS.session, MAC, SERIAL);
  session = Buffer.from(opened.subarray(0, 16));
  if (!existsSync(file)) await register();
  const cookie = Buffer.from(kept().cookie, "base64");
  const reply = await ask(COMMANDS.login, session, MAC, cookie);
  console.log(`logged in as ${kept().id}`);
  await ask(COMMANDS.state, session, Buffer.from("off"));
  console.log("state stored");
  return reply[16]!;
}

/** A phone tells it something: it says so, and sends it back as done. */
function handle({ frame, data, body }: ClassicMessage): void {
  if (data.isAck) return;
  console.log(`0x${data.messageId.toString(16)} from ${frame.source}: ${body}`);
  const done = { frame: frameTo(frame.source, 3), data: { ...data, isAck: true }, body };
  const bytes = writeMessage(done);
  socket.send(Buffer.concat([bytes.subarray(0, 24), session, bytes]), Number(port), host);
}

socket.on("message", (datagram) => {
  const isOfSomebody = (datagram[0]! & 7) === 3;
  // Only the node knows the session: what anybody else sends is not for this board.
  if (isOfSomebody && !datagram.subarray(24, 40).equals(session)) return;
  const read = readMessage(isOfSomebody ? datagram.subarray(40) : datagram);
  if (!read.ok) return;
  if (isOfSomebody) handle(read.value);
  else waiting.get(read.value.frame.sequence)?.(read.value.body);
});

process.once("SIGINT", () => process.exit(0));

for (;;) {
  try {
    const seconds = await connect();
    for (;;) {
      await setTimeout(seconds * 1000);
      await ask(COMMANDS.heartbeat, session);
    }
  } catch (error) {
    // Without an answer, or with another code than 0: it begins anew.
    console.error((error as Error).message);
    await setTimeout(REPEAT_MS);
  }
}
