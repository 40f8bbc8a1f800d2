import { clientError, type HeraldError } from "./errors.ts";

/**
 * What the client is doing:
 * "connecting", "connected", "waiting" for the next attempt, or "closed" for good.
 */
export type ClientState = "connecting" | "connected" | "waiting" | "closed";

/** More about a change of state; which fields are there depends on the state. */
export interface StateDetail {
  /** connected: the session's id. */
  readonly session?: string;
  /** connected: whether nothing was missed since the last offset. */
  readonly recovered?: boolean;
  /** waiting, closed: why, in words. */
  readonly reason?: string;
  /** waiting, closed: the server's close code; absent when this side ended the connection. */
  readonly code?: number;
  /** waiting: until the next attempt; absent while pushes must be handled first. */
  readonly retryInMs?: number;
  /** waiting: attempts that failed one after the other. */
  readonly attempts?: number;
}

/** Pushes that may have been missed: those with offsets after `after`, up to `upTo`. */
export interface Gap {
  readonly after: number;
  readonly upTo: number;
  /** The server began to count anew, after losing its data: earlier offsets mean nothing. */
  readonly reset: boolean;
}

export type StateListener = (state: ClientState, detail: StateDetail) => void;
export type GapListener = (gap: Gap) => void;
export type ErrorListener = (error: HeraldError) => void;

/** The events of a client and what their listeners are given. */
export interface ClientEvents {
  readonly state: StateListener;
  readonly gap: GapListener;
  readonly error: ErrorListener;
}

interface Initial {
  readonly onState?: StateListener | undefined;
  readonly onGap?: GapListener | undefined;
  readonly onError?: ErrorListener | undefined;
}

/** Calls listeners; one that throws does not disturb the client, and is told as an error. */
export class Listeners {
  #state: StateListener[] = [];
  #gap: GapListener[] = [];
  #error: ErrorListener[] = [];

  constructor({ onState, onGap, onError }: Initial) {
    if (onState !== undefined) this.#state.push(onState);
    if (onGap !== undefined) this.#gap.push(onGap);
    if (onError !== undefined) this.#error.push(onError);
  }

  /** Adds a listener; returns what removes it. */
  add<Name extends keyof ClientEvents>(name: Name, listener: ClientEvents[Name]): () => void {
    if (name === "state") return put(this.#state, listener as StateListener);
    if (name === "gap") return put(this.#gap, listener as GapListener);
    return put(this.#error, listener as ErrorListener);
  }

  state(state: ClientState, detail: StateDetail): void {
    for (const listener of [...this.#state]) this.#call(() => listener(state, detail));
  }

  gap(gap: Gap): void {
    for (const listener of [...this.#gap]) this.#call(() => listener(gap));
  }

  error(error: HeraldError): void {
    if (this.#error.length === 0) console.warn("herald:", error);
    for (const listener of [...this.#error]) {
      try {
        listener(error);
      } catch (cause) {
        console.warn("herald:", clientError("client.listener", "an error listener threw", cause));
      }
    }
  }

  #call(listener: () => void): void {
    try {
      listener();
    } catch (cause) {
      this.error(clientError("client.listener", "a listener threw", cause));
    }
  }
}

function put<Listener>(list: Listener[], listener: Listener): () => void {
  list.push(listener);
  return () => {
    const at = list.indexOf(listener);
    if (at >= 0) list.splice(at, 1);
  };
}
