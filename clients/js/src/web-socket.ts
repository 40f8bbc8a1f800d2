/** What is used of a WebSocket: the browser's, Node's own (22 and newer) and `ws` have it. */
export interface WebSocketLike {
  readonly protocol: string;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What is used of a message event. */
export interface MessageLike {
  readonly data: unknown;
}

/** What is used of a close event. */
export interface CloseLike {
  readonly code: number;
  readonly reason: string;
}

/**
 * The environment's own WebSocket.
 *
 * @throws TypeError where there is none: Node before 22 needs the option `webSocket`.
 */
export function platformWebSocket(): WebSocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor };
  if (WebSocket === undefined) {
    throw new TypeError(
      "this environment has no WebSocket: pass one as the option webSocket, " +
        'for example that of the package "ws"',
    );
  }
  return WebSocket;
}
