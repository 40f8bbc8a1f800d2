/** Phones that ask their boards, and the boards: a process of its own, which hardly reads. */
import { answerParent } from "./child.ts";
import { clientFrame, LoadSocket } from "./load-socket.ts";

export interface PairsQuestion {
  readonly type: "open";
  readonly port: number;
  /** The first frames of the phones, and of the boards, each answered by one frame. */
  readonly phones: readonly Uint8Array[];
  readonly boards: readonly Uint8Array[];
}

export interface RouteQuestion {
  readonly type: "route";
  /** What each phone sends, again and again. */
  readonly asks: readonly Uint8Array[];
  /** Text of the payload that boards answer with. */
  readonly payload: string;
  /** Questions on their way per phone. */
  readonly depth: number;
  readonly ms: number;
}

let phones: LoadSocket[] = [];
let boards: LoadSocket[] = [];
/** How many questions each board was asked: its session numbers them from 1. */
let asked: number[] = [];

answerParent({ open, route });

async function open(question: PairsQuestion): Promise<object> {
  const openAll = (hellos: readonly Uint8Array[]): LoadSocket[] =>
    hellos.map((hello) => {
      const socket = new LoadSocket(question.port, "127.0.0.1", "herald.v1.json");
      socket.onChange = () => {
        if (socket.isClosed) throw new Error("the server closed a connection");
        socket.write(clientFrame(hello, false));
      };
      return socket;
    });
  phones = openAll(question.phones);
  await have(phones, 1);
  boards = openAll(question.boards);
  await have(boards, 1);
  // Each phone is told that its board has come.
  await have(phones, 2);
  asked = boards.map(() => 0);
  return { open: phones.length + boards.length };
}

/** Keeps `depth` questions of every phone on their way; returns round trips per second. */
async function route({ asks, payload, depth, ms }: RouteQuestion): Promise<object> {
  let total = 0;
  let isOver = false;
  let inFlight = phones.length * depth;
  for (const [index, board] of boards.entries()) {
    board.onFrames = (count) => board.write(answers(index, count, payload));
  }
  const drained = new Promise<void>((resolve) => {
    for (const [index, phone] of phones.entries()) {
      const frame = clientFrame(asks[index]!, false);
      const frames = Buffer.concat(Array.from({ length: depth }, () => frame));
      phone.onFrames = (count) => {
        total += count;
        if (!isOver) return phone.write(frames.subarray(0, count * frame.length));
        inFlight -= count;
        if (inFlight === 0) resolve();
      };
      phone.write(frames);
    }
  });
  const start = process.hrtime.bigint();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const perSecond = total / (Number(process.hrtime.bigint() - start) / 1e9);
  isOver = true;
  await drained;
  return { perSecond };
}

function answers(index: number, count: number, payload: string): Buffer {
  const frames: Buffer[] = [];
  for (let left = count; left > 0; left -= 1) {
    asked[index]! += 1;
    const text = `{"type":"answer","request":${asked[index]},"payload":"${payload}"}`;
    frames.push(clientFrame(Buffer.from(text), false));
  }
  return Buffer.concat(frames);
}

async function have(sockets: readonly LoadSocket[], frames: number): Promise<void> {
  while (!sockets.every((socket) => socket.frames >= frames)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
