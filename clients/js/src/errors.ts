/**
 * What can go wrong on the device's side; errors that the server sends keep the server's codes.
 *
 * | code | meaning |
 * |---|---|
 * | `client.closed` | the client was closed, by `close()` or for good by the server |
 * | `client.offline` | there is no connection to send on |
 * | `client.disconnected` | the connection ended before the answer came |
 * | `client.timeout` | no answer in time |
 * | `client.busy` | too many requests are unanswered, or too many bytes unsent |
 * | `client.too-large` | the server takes no frame as large as that; nothing was sent |
 * | `client.behind` | pushes come faster than they are handled |
 * | `client.credential` | the credential function failed |
 * | `client.handler` | `onPush` threw; the push comes again after the next connect |
 * | `client.listener` | another listener of the application threw |
 * | `client.storage` | the state could not be loaded or saved |
 * | `client.refused` | the other device answered that it does not do that |
 * | `client.frame` | the server sent something that is not a frame |
 */
export type ClientErrorCode =
  | "client.closed"
  | "client.offline"
  | "client.disconnected"
  | "client.timeout"
  | "client.busy"
  | "client.too-large"
  | "client.behind"
  | "client.credential"
  | "client.handler"
  | "client.listener"
  | "client.storage"
  | "client.refused"
  | "client.frame";

/** An error with a stable code, from this SDK (`client.*`) or from the server. */
export class HeraldError extends Error {
  override readonly name = "HeraldError";
  readonly code: string;
  /** When to try again, in milliseconds from now; undefined when the server did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** An error of this side, with what caused it. */
export function clientError(code: ClientErrorCode, message: string, cause?: unknown): HeraldError {
  const because = cause instanceof Error ? `: ${cause.message}` : "";
  const error = new HeraldError(code, `${message}${because}`);
  if (cause !== undefined) error.cause = cause;
  return error;
}
