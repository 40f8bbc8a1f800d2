import type { Outcome } from "./ledger.ts";
import { Trace } from "./trace.ts";

/** What carries a device's frames. */
export type Transport = "websocket" | "udp" | "classic";

/** Where a connection comes from; the address is the network's, without a port. */
export interface Origin {
  readonly transport: Transport;
  readonly address: string;
}

/** A log-in that came to nothing; `code` is one of the error table. */
export interface Refusal {
  readonly type: "refused";
  readonly device: string;
  readonly from: Origin;
  readonly code: string;
  readonly message: string;
  /** It could not show to be that device: it may have been anybody. */
  readonly isStranger?: true;
}

/** How one message of its inbox ended, as a session saw it. */
export interface Settled {
  readonly offset: number;
  readonly outcome: Outcome;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What happened to a device's connections, and what it was refused. */
export type ChronicleEvent =
  /** `resumed`: a session that was there goes on. */
  | {
      readonly type: "connected";
      readonly session: string;
      readonly device: string;
      readonly from: Origin | undefined;
      readonly resumed: boolean;
    }
  | Refusal
  /** By the server with a reason of its own, or by the device or its network. */
  | {
      readonly type: "closed";
      readonly session: string;
      readonly device: string;
      readonly reason: string;
      readonly message: string | undefined;
    }
  /** The session ended: nobody came back within the grace period, or nobody may. */
  | {
      readonly type: "ended";
      readonly session: string;
      readonly device: string;
      readonly lately: readonly Settled[];
    }
  /** A request of the device was answered with an error. */
  | {
      readonly type: "request-failed";
      readonly session: string;
      readonly device: string;
      readonly code: string;
      readonly message: string;
    };

/** One event and when it was, in milliseconds since the epoch. */
export type Noted = ChronicleEvent & { readonly at: number };

export interface ChronicleLimits {
  /** Principals of whom something is known; who was quiet for longest goes first. 5 000. */
  readonly principalsMax: number;
  /** Events of one principal; the oldest go first. 24. */
  readonly eventsMax: number;
  /** Principals that are traced at once. 16. */
  readonly tracesMax: number;
  /** Principals whose name somebody used who could not show to be it. 1 000. */
  readonly strangersMax: number;
}

export const CHRONICLE_LIMITS: ChronicleLimits = {
  principalsMax: 5_000,
  eventsMax: 24,
  tracesMax: 16,
  strangersMax: 1_000,
};

/**
 * What happened to each device lately: one object that sessions and gateways of a node note into.
 *
 * In memory and bounded, so that it can be asked without the store; a restart begins anew.
 * Principals are named by their key (`core/address.ts`). A message that arrives costs nothing.
 */
export class Chronicle {
  readonly #limits: ChronicleLimits;
  /** By principal, who was noted last at the end. */
  readonly #events = new Map<string, Noted[]>();
  /** The last refusal of somebody who could not show to be this principal. */
  readonly #strangers = new Map<string, Noted>();
  /** The latest trace of a principal, also when it is over. */
  readonly #traces = new Map<string, Trace>();

  constructor(limits: ChronicleLimits = CHRONICLE_LIMITS) {
    this.#limits = limits;
  }

  note(principal: string, event: ChronicleEvent, at: number): void {
    const events = this.#events.get(principal) ?? [];
    this.#events.delete(principal);
    this.#events.set(principal, events);
    if (events.push({ ...event, at }) > this.#limits.eventsMax) events.shift();
    if (this.#events.size > this.#limits.principalsMax) {
      this.#events.delete(this.#events.keys().next().value!);
    }
    if (this.#traces.size > 0) this.traceOf(principal, at)?.event(event, at);
  }

  /**
   * Notes a log-in in this principal's name by somebody who could not show to be it. Of these the
   * last one is kept, apart from what is known for sure: strangers must not fill a record.
   */
  noteStranger(principal: string, refusal: Omit<Refusal, "type">, at: number): void {
    this.#strangers.delete(principal);
    this.#strangers.set(principal, { type: "refused", ...refusal, isStranger: true, at });
    if (this.#strangers.size > this.#limits.strangersMax) {
      this.#strangers.delete(this.#strangers.keys().next().value!);
    }
  }

  /** What is known, the oldest first; nothing for who was quiet for long. */
  read(principal: string): readonly Noted[] {
    const events = this.#events.get(principal) ?? [];
    const stranger = this.#strangers.get(principal);
    if (stranger === undefined) return events;
    return [...events, stranger].toSorted((a, b) => a.at - b.at);
  }

  /** Whose session this was, as far as that is still known. Looks at everybody. */
  ownerOf(session: string): string | undefined {
    for (const [principal, events] of this.#events) {
      if (events.some((event) => "session" in event && event.session === session)) return principal;
    }
    return undefined;
  }

  /**
   * Follows a principal until then; one that is followed already is followed as long as the
   * longer of both says. Undefined when as many are as may be.
   */
  startTrace(principal: string, until: number, now: number): Trace | undefined {
    const known = this.traceOf(principal, now);
    if (known !== undefined) {
      known.extend(until);
      return known;
    }
    this.#traces.delete(principal);
    for (const [key, trace] of this.#traces) {
      if (this.#traces.size < this.#limits.tracesMax) break;
      if (trace.isOver(now)) this.#traces.delete(key);
    }
    if (this.#traces.size >= this.#limits.tracesMax) return undefined;
    const trace = new Trace(until);
    this.#traces.set(principal, trace);
    return trace;
  }

  /** The trace of a principal that is followed at this moment. */
  traceOf(principal: string, now: number): Trace | undefined {
    const trace = this.#traces.get(principal);
    return trace?.isOver(now) === false ? trace : undefined;
  }

  /** The same, or the latest that is over. */
  lastTrace(principal: string): Trace | undefined {
    return this.#traces.get(principal);
  }
}
