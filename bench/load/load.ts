/** The load of the socket benchmarks: a process of its own, which only writes and counts. */
import { answerParent } from "./child.ts";
import { clientFrame, LoadSocket } from "./load-socket.ts";

export interface OpenQuestion {
  readonly type: "open";
  readonly port: number;
  readonly count: number;
  readonly subprotocol: string;
  /** Local addresses that the sockets are spread over. */
  readonly addresses: readonly string[];
  /** The first frame of each socket, answered by one; undefined: none is sent. */
  readonly hellos: readonly Uint8Array[] | undefined;
}

export interface EchoQuestion {
  readonly type: "echo";
  readonly payload: Uint8Array;
  readonly isBinary: boolean;
  /** Frames on their way per socket. */
  readonly depth: number;
  readonly ms: number;
}

export interface ReceivedQuestion {
  readonly type: "received";
  /** Frames that each socket should have by then, since the last question. */
  readonly each: number;
  readonly withinMs: number;
}

export interface JoinQuestion {
  readonly type: "join";
  /** Written by the first `count` sockets, and answered by one frame each. */
  readonly frame: Uint8Array;
  readonly count: number;
}

export interface PublishQuestion {
  readonly type: "publish";
  /** Written by the last socket, so many times; all those that joined get each of them. */
  readonly frame: Uint8Array;
  readonly count: number;
  /** From one to the next; 0: all at once. */
  readonly everyMs: number;
}

/** Sockets that are being opened at the same time. */
const OPENING_MAX = 100;

/** After this, what has not come is lost. */
const LOST_AFTER_MS = 15_000;

let sockets: LoadSocket[] = [];
let joined: LoadSocket[] = [];

answerParent({ open, echo, received, join, publish, close });

async function open({
  port,
  count,
  subprotocol,
  addresses,
  hellos,
}: OpenQuestion): Promise<object> {
  const isBinary = subprotocol.endsWith("msgpack");
  const openOne = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const address = addresses[index % addresses.length]!;
      const socket = new LoadSocket(port, address, subprotocol);
      sockets.push(socket);
      socket.onFrames = () => resolve();
      socket.onChange = () => {
        if (socket.isClosed) return reject(new Error(`socket ${index} was refused`));
        if (hellos === undefined) resolve();
        else socket.write(clientFrame(hellos[index]!, isBinary));
      };
    });
  let next = 0;
  const openSome = async (): Promise<void> => {
    while (next < count) await openOne(next++);
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, openSome));
  for (const socket of sockets) {
    socket.onFrames = () => {};
    socket.onChange = () => {
      throw new Error("the server closed a connection");
    };
    socket.frames = 0;
  }
  return { open: sockets.length };
}

/** Keeps `depth` frames of every socket on their way and returns frames per second. */
async function echo({ payload, isBinary, depth, ms }: EchoQuestion): Promise<object> {
  const frame = clientFrame(payload, isBinary);
  const frames = Buffer.concat(Array.from({ length: depth }, () => frame));
  let total = 0;
  let isOver = false;
  let inFlight = 0;
  const drained = new Promise<void>((resolve, reject) => {
    for (const socket of sockets) {
      inFlight += depth;
      socket.onChange = () => reject(new Error("the server closed a socket under load"));
      socket.onFrames = (count) => {
        total += count;
        if (!isOver) return socket.write(frames.subarray(0, count * frame.length));
        inFlight -= count;
        if (inFlight === 0) resolve();
      };
      socket.write(frames);
    }
  });
  const start = process.hrtime.bigint();
  const time = new Promise((resolve) => setTimeout(resolve, ms));
  // What waits for its answer may never have one: a lost socket ends the measurement.
  await Promise.race([time, drained]);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const perSecond = total / seconds;
  isOver = true;
  await drained;
  return { perSecond };
}

/** Waits until every socket has had its frames and tells who has not. */
async function received({ each, withinMs }: ReceivedQuestion): Promise<object> {
  const complete = (): boolean => sockets.every(({ frames }) => frames >= each);
  const endsAt = Date.now() + withinMs;
  while (!complete() && Date.now() < endsAt) await new Promise((resolve) => setTimeout(resolve, 5));
  const total = sockets.reduce((sum, { frames }) => sum + frames, 0);
  for (const socket of sockets) socket.frames = 0;
  return { total };
}

async function join({ frame, count }: JoinQuestion): Promise<object> {
  joined = sockets.slice(0, count);
  for (const socket of joined) {
    socket.frames = 0;
    socket.write(clientFrame(frame, false));
  }
  await until(() => joined.every(({ frames }) => frames > 0));
  return {};
}

/** Frames come in order, so the n-th of a socket is the n-th that was published. */
async function publish({ frame, count, everyMs }: PublishQuestion): Promise<object> {
  const publisher = sockets.at(-1)!;
  const bytes = clientFrame(frame, false);
  const sentAt: number[] = [];
  const latencies: number[] = [];
  for (const socket of joined) {
    socket.frames = 0;
    socket.onFrames = (fresh) => {
      const now = performance.now();
      for (let n = socket.frames - fresh; n < socket.frames; n += 1) {
        latencies.push(now - sentAt[n]!);
      }
    };
  }
  const startedAt = performance.now();
  for (let n = 1; n <= count; n += 1) {
    sentAt.push(performance.now());
    publisher.write(bytes);
    if (everyMs === 0) continue;
    await new Promise((resolve) => setTimeout(resolve, startedAt + n * everyMs - sentAt.at(-1)!));
  }
  await until(() => latencies.length >= count * joined.length);
  const seconds = (performance.now() - startedAt) / 1_000;
  latencies.sort((a, b) => a - b);
  const p99Ms = latencies[Math.floor(latencies.length * 0.99)]!;
  return { seconds, delivered: latencies.length, p99Ms };
}

async function until(holds: () => boolean): Promise<void> {
  const endsAt = performance.now() + LOST_AFTER_MS;
  while (!holds() && performance.now() < endsAt) await new Promise((go) => setImmediate(go));
}

async function close(): Promise<object> {
  for (const socket of sockets) {
    socket.onChange = () => {};
    socket.close();
  }
  sockets = [];
  return {};
}
