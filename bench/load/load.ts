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

/** Sockets that are being opened at the same time. */
const OPENING_MAX = 100;

let sockets: LoadSocket[] = [];

answerParent({ open, echo, received, close });

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

async function close(): Promise<object> {
  for (const socket of sockets) {
    socket.onChange = () => {};
    socket.close();
  }
  sockets = [];
  return {};
}
