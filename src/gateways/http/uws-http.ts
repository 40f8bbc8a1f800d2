import { STATUS_CODES } from "node:http";
import { RuntimeError } from "../../core/errors.ts";
import type { Uws } from "../websocket/uws.ts";
import { wireText } from "../wire-text.ts";
import type { Answer, AnswerStream, Exchange } from "./exchange.ts";

/** The uWebSockets.js application that HTTP and WebSocket share. */
export type App = ReturnType<Uws["App"]>;

type Handler = Parameters<App["any"]>[1];
type UwsResponse = Parameters<Handler>[0];
type UwsRequest = Parameters<Handler>[1];

/** Unread bytes of a body up to which a connection is worth keeping after an early answer. */
const DISCARD_BYTES_MAX = 1_048_576;

/** Takes every HTTP request of the app that no other route takes. */
export function serveExchanges(app: App, serve: (exchange: Exchange) => void): void {
  app.any("/*", (response, request) => {
    const exchange = new UwsExchange(response, request);
    if (exchange.isAmbiguous) exchange.refuse();
    else serve(exchange);
  });
}

/**
 * One request on uWebSockets.js.
 *
 * The request object and the buffers of the body are valid only during their callback, so all
 * that is needed of them is copied; the response object must not be touched once it has been
 * answered or aborted, so every use of it goes through `#open`.
 */
class UwsExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly length: number | undefined;
  /** A request with two lengths: where it ends is a matter of opinion, which is an attack. */
  readonly isAmbiguous: boolean;
  #response: UwsResponse | undefined;
  #aborted = false;
  #abortCalls: (() => void)[] = [];
  #pieces: Uint8Array[] = [];
  #received = 0;
  #isBodyWhole = false;
  #isPaused = false;
  #wake: (() => void) | undefined;

  constructor(response: UwsResponse, request: UwsRequest) {
    this.#response = response;
    this.method = request.getCaseSensitiveMethod();
    this.path = request.getUrl();
    this.query = request.getQuery() ?? "";
    const headers = new Map<string, string>();
    let lengths = 0;
    request.forEach((name, value) => {
      if (name === "content-length") lengths += 1;
      headers.set(name, value);
    });
    this.headers = headers;
    this.isAmbiguous = lengths > 1;
    const length = headers.get("content-length");
    this.length = length === undefined ? undefined : Number(length);
    response.onAborted(() => this.#abort());
    response.onData((piece, isLast) => this.#receive(piece, isLast));
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  onAborted(call: () => void): void {
    if (this.#aborted) call();
    else this.#abortCalls.push(call);
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) return piece;
      if (this.#isBodyWhole) return undefined;
      if (this.#response === undefined) {
        throw new RuntimeError("http.aborted", "the client went away before the end of the body");
      }
      this.#resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  answer({ status, headers, body, close }: Answer): void {
    const response = this.#open();
    if (response === undefined) return;
    const ends = close === true || this.#unread() > DISCARD_BYTES_MAX;
    response.cork(() => {
      this.#resume();
      this.#writeHead(response, status, headers);
      if (this.method === "HEAD") response.endWithoutBody(Buffer.byteLength(body), ends);
      else if (status === 204) response.endWithoutBody(undefined, ends);
      else response.end(wireText(body), ends);
    });
    this.#finish();
  }

  stream(status: number, headers: Readonly<Record<string, string>>): AnswerStream {
    this.#resume();
    const response = this.#open();
    response?.cork(() => this.#writeHead(response, status, headers));
    return {
      write: (text) => {
        let isTaken = true;
        const open = this.#open();
        open?.cork(() => {
          isTaken = open.write(wireText(text));
        });
        return isTaken;
      },
      end: () => {
        const open = this.#open();
        open?.cork(() => open.end());
        this.#finish();
      },
      cut: () => {
        this.#open()?.close();
        this.#finish();
      },
      onDrained: (call) => {
        this.#open()?.onWritable(() => {
          call();
          return true;
        });
      },
    };
  }

  refuse(): void {
    this.answer({ status: 400, headers: {}, body: "", close: true });
  }

  #unread(): number {
    if (this.#isBodyWhole) return 0;
    const announced = this.headers.has("transfer-encoding") ? Number.POSITIVE_INFINITY : 0;
    return (this.length ?? announced) - this.#received;
  }

  #open(): UwsResponse | undefined {
    return this.#response;
  }

  #writeHead(response: UwsResponse, status: number, headers: Answer["headers"]): void {
    response.writeStatus(`${status} ${STATUS_CODES[status] ?? ""}`);
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
  }

  /** What the connection has for us while nobody reads waits in it, not in our memory. */
  #receive(piece: ArrayBuffer, isLast: boolean): void {
    if (this.#response === undefined) return;
    this.#received += piece.byteLength;
    // The buffer is taken away when this returns.
    if (piece.byteLength > 0) this.#pieces.push(new Uint8Array(piece.slice(0)));
    this.#isBodyWhole = isLast;
    if (!isLast) {
      // Again with every piece: what one wake-up still delivers re-arms the idle timeout, which
      // would then end a connection that is only waiting for us.
      this.#isPaused = true;
      this.#response.pause();
    }
    this.#awake();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#open()?.resume();
  }

  #abort(): void {
    this.#aborted = true;
    this.#finish();
    for (const call of this.#abortCalls.splice(0)) call();
  }

  #finish(): void {
    this.#response = undefined;
    if (!this.#isBodyWhole) this.#pieces = [];
    this.#awake();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
