import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request } from "node:http";
import { Agent as HttpsAgent, request as secureRequest } from "node:https";
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";

/**
 * How long an unused connection is kept, in milliseconds: less than servers do (Node 5 s), since
 * a request on a connection that the server is just closing is in doubt.
 */
const IDLE_MS = 4_000;
const DAY_MS = 86_400_000;

/** One request, as far as it depends on what is sent. */
export interface Post {
  readonly url: URL;
  readonly body: Uint8Array;
  /** Made at the moment of the hand-off, because they hold its time. */
  readonly headers: () => Readonly<Record<string, string>>;
  /** Monotonic milliseconds: nothing is handed off from then on. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** The largest answer that is read, in bytes. */
  readonly answerBytesMax: number;
}

/** What became of a request. */
export type PostOutcome =
  | {
      readonly type: "answered";
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly location?: string | undefined;
      readonly body: Buffer;
    }
  /** Not a byte of it has left. */
  | { readonly type: "not-sent"; readonly reason: string }
  /** Not a byte of it has left, because it came too late or was not wanted any more. */
  | { readonly type: "late"; readonly reason: string }
  /** It may have been read and done. */
  | { readonly type: "in-doubt"; readonly reason: string };

export interface PosterOptions {
  /** To each address. */
  readonly connectionsMax: number;
  /** For everything: a connection, the request and the whole answer. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Sends requests over connections that are kept; follows no redirect. */
export interface Poster {
  /** Never rejects. */
  post(it: Post): Promise<PostOutcome>;
  /** Closes the connections; what is under way is in doubt. */
  close(): void;
}

export function poster(options: PosterOptions): Poster {
  const settings = {
    keepAlive: true,
    maxSockets: options.connectionsMax,
    maxFreeSockets: options.connectionsMax,
    timeout: IDLE_MS,
    scheduling: "lifo",
  } as const;
  const plain = new HttpAgent(settings);
  const secure = new HttpsAgent({ ...settings, rejectUnauthorized: true });
  const way: Way = {
    ...options,
    ready: new WeakSet(),
    open: (url) =>
      url.protocol === "https:"
        ? secureRequest(url, { method: "POST", agent: secure })
        : request(url, { method: "POST", agent: plain }),
  };
  return {
    post: (it) => post(way, it),
    close: () => {
      plain.destroy();
      secure.destroy();
    },
  };
}

const STOPPED = "the sender was stopped";

interface Way extends Pick<PosterOptions, "timeoutMs" | "clock"> {
  readonly open: (url: URL) => ClientRequest;
  /** Sockets that have been connected, and are used again. */
  readonly ready: WeakSet<Socket>;
}

/**
 * Waits for a connection first and writes the whole request when there is one: whatever fails
 * before is certainly not sent, whatever fails after may have been.
 */
function post(way: Way, it: Post): Promise<PostOutcome> {
  const { clock, timeoutMs } = way;
  return new Promise((resolve) => {
    let isSent = false;
    const call = way.open(it.url);
    const settle = (outcome: PostOutcome): void => {
      cancel();
      it.signal.removeEventListener("abort", onAbort);
      resolve(outcome);
    };
    const fail = (reason: string): void => {
      settle({ type: isSent ? "in-doubt" : "not-sent", reason });
      call.destroy();
    };
    const late = (reason: string): void => {
      settle({ type: "late", reason });
      call.destroy();
    };
    const onAbort = (): void => {
      if (isSent) fail(STOPPED);
      else late(STOPPED);
    };
    const cancel = clock.after(timeoutMs, () => {
      fail(`no ${isSent ? "answer" : "connection"} within ${timeoutMs} ms`);
    });
    const handOff = (): void => {
      if (call.destroyed) return;
      // The last moment: a process that was frozen until now may have lost its lease.
      if (clock.monotonic() >= it.deadline) return late("the lease has ended");
      isSent = true;
      for (const [name, value] of Object.entries(it.headers())) call.setHeader(name, value);
      call.setHeader("content-length", it.body.byteLength);
      call.end(it.body);
    };
    if (it.signal.aborted) onAbort();
    else it.signal.addEventListener("abort", onAbort);
    call.on("error", (error) => fail(describe(error)));
    call.on("socket", (socket) => whenConnected(way.ready, socket, handOff));
    call.on("response", (response) => read(response, it.answerBytesMax, settle, fail));
  });
}

function whenConnected(ready: WeakSet<Socket>, socket: Socket, call: () => void): void {
  if (ready.has(socket)) return call();
  // A socket with TLS may be written to when the other side has proved who it is.
  socket.once("encrypted" in socket ? "secureConnect" : "connect", () => {
    ready.add(socket);
    call();
  });
}

function read(
  response: IncomingMessage,
  bytesMax: number,
  settle: (outcome: PostOutcome) => void,
  fail: (reason: string) => void,
): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  response.on("data", (piece: Buffer) => {
    bytes += piece.byteLength;
    if (bytes > bytesMax) fail(`an answer of more than ${bytesMax} bytes`);
    else pieces.push(piece);
  });
  response.on("error", (error) => fail(describe(error)));
  response.on("end", () => {
    const { statusCode: status = 0, headers } = response;
    const { "retry-after": retryAfter, location } = headers;
    settle({ type: "answered", status, retryAfter, location, body: Buffer.concat(pieces) });
  });
}

function describe(error: Error): string {
  const { code } = error as { code?: string };
  return code === undefined ? error.message : `${code}: ${error.message}`;
}

/** The header Retry-After, seconds or a date, as milliseconds from now; undefined: neither. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const delay = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(delay) ? undefined : Math.min(Math.max(delay, 0), DAY_MS);
}
