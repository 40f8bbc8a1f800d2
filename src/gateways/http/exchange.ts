import { RuntimeError } from "../../core/errors.ts";

/** A whole answer. The adapter adds Content-Length and leaves the body out for HEAD. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** Ends the connection after it, because the rest of the request is not worth reading. */
  readonly close?: boolean | undefined;
}

/** An answer that goes on: server-sent events. */
export interface AnswerStream {
  /** Returns false when the reader is behind: write nothing more until it has drained. */
  write(text: string): boolean;
  end(): void;
  /** Cuts the connection: whoever reads must not take what came for the whole. */
  cut(): void;
  /** Called whenever the reader has caught up. */
  onDrained(call: () => void): void;
}

/** One request and its answer, as the gateway sees them whatever the server underneath. */
export interface Exchange {
  /** In upper case. */
  readonly method: string;
  /** As it came: percent-encoded, without the query. */
  readonly path: string;
  /** What is after the question mark, or an empty text. */
  readonly query: string;
  /** By name in lower case; of repeated ones the last. */
  readonly headers: ReadonlyMap<string, string>;
  /** The announced length of the body in bytes; undefined if it is not announced. */
  readonly length: number | undefined;
  /** Whether the client has gone. Nothing can be answered then. */
  readonly aborted: boolean;
  /** At once if it has gone already. */
  onAborted(call: () => void): void;
  /**
   * The next piece of the body, or undefined at its end. The connection is not read on while
   * nobody asks, so that a body needs no memory but for what one wake-up delivers: what the
   * operating system's receive buffer held, some megabytes at most.
   *
   * @throws RuntimeError `http.aborted` when the client has gone.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Sends the whole answer. Only the first one counts; what is unread of the body is dropped. */
  answer(answer: Answer): void;
  /** Begins an answer that goes on. */
  stream(status: number, headers: Readonly<Record<string, string>>): AnswerStream;
}

export interface BodyLimits {
  readonly bytesMax: number;
  /** Calls back when the time for the whole body is over; the result undoes that. */
  readonly timeLimit: (expired: () => void) => () => void;
}

/**
 * Reads the whole body, if it is not too large and comes in time.
 *
 * @throws RuntimeError `http.body-too-large`, `http.timeout` or `http.aborted`.
 */
export async function readBody(exchange: Exchange, limits: BodyLimits): Promise<Uint8Array> {
  const { bytesMax, timeLimit } = limits;
  if ((exchange.length ?? 0) > bytesMax) throw tooLarge(exchange.length!, bytesMax);
  let undo = (): void => {};
  const expired = new Promise<never>((_, reject) => {
    undo = timeLimit(() => reject(new RuntimeError("http.timeout", "the body came too slowly")));
  });
  try {
    return await Promise.race([readAll(exchange, bytesMax), expired]);
  } finally {
    undo();
  }
}

async function readAll(exchange: Exchange, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const piece = await exchange.read();
    if (piece === undefined) return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    bytes += piece.byteLength;
    if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
    pieces.push(piece);
  }
}

export function tooLarge(bytes: number, bytesMax: number): RuntimeError {
  const message = `the body has ${bytes} bytes or more, and at most ${bytesMax} are taken`;
  return new RuntimeError("http.body-too-large", message);
}
