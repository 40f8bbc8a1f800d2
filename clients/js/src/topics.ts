import type { Cancel, ClientClock } from "./clock.ts";
import type { AnswerFrame, Presence, RequestFrame } from "./device-frames.ts";
import { clientError, HeraldError } from "./errors.ts";
import type { ReceivedFrame } from "./frames.ts";

/** After so long a subscription is tried again that found no room, unless the server says when. */
const RETRY_MS = 5_000;

/** Codes that say that the connection is gone. */
const GONE = ["client.offline", "client.disconnected", "client.closed"];

/** Something published to a topic. */
export interface Publication {
  readonly topic: string;
  /** Its place in the topic: 1, 2, 3 ... until the topic begins anew. */
  readonly offset: number;
  readonly payload: unknown;
  /** Who published it, `user:` or `board:`; undefined when it came over HTTP. */
  readonly from: string | undefined;
  /** How many before it this device was too slow for. */
  readonly lost: number;
}

/** What a subscriber is told; only `onPublication` is needed. */
export interface TopicHandlers {
  onPublication(publication: Publication): void;
  /** Publications were missed for good, as while it was not connected. */
  onMissed?(topic: string): void;
  /** Somebody came to the topic, or left it. */
  onPresence?(change: "joined" | "left", who: Presence): void;
  /**
   * So many are there, and what was told before by `onPresence` is no longer all: at the start,
   * after a lost connection, and where too many come and go. `who` tells who they are.
   */
  onOccupancy?(count: number): void;
}

/** One topic, for as long as the client lives, over all its connections. */
export interface Subscription {
  readonly topic: string;
  unsubscribe(): Promise<void>;
}

/** What topics need of their client. */
export interface TopicsOwner {
  readonly clock: ClientClock;
  /** Sends a request with a new id and resolves with its answer. */
  ask(request: (id: number) => RequestFrame): Promise<AnswerFrame>;
  /** Sends a request again whose answer has not come. */
  send(request: RequestFrame): void;
  error(error: HeraldError): void;
}

interface Entry {
  readonly topic: string;
  readonly handlers: TopicHandlers;
  /** Where it is: what a later connection goes on from. */
  place: { readonly epoch: string; offset: number } | undefined;
  /** The id of the request that is not answered yet. */
  asked: number | undefined;
}

type TopicFrame = Extract<
  ReceivedFrame,
  { type: "publication" | "joined" | "left" | "occupancy" | "resubscribed" }
>;

/** The topics that the application is subscribed to. */
export class Topics {
  readonly #owner: TopicsOwner;
  readonly #entries = new Map<string, Entry>();
  /** Those that a later connection has not taken yet, and are tried again. */
  readonly #left = new Set<Entry>();
  #cancel: Cancel | undefined;

  constructor(owner: TopicsOwner) {
    this.#owner = owner;
  }

  /** Resolves once the server has taken it; rejects, and is none, when it has not. */
  async subscribe(topic: string, handlers: TopicHandlers): Promise<Subscription> {
    if (typeof handlers?.onPublication !== "function") {
      const got = typeof handlers?.onPublication;
      throw new TypeError(`handlers.onPublication must be a function; got ${got}`);
    }
    if (this.#entries.has(topic)) {
      throw clientError("client.busy", `already subscribed to ${topic}`);
    }
    const entry: Entry = { topic, handlers, place: undefined, asked: undefined };
    this.#entries.set(topic, entry);
    try {
      await this.#request(entry);
    } catch (error) {
      this.#entries.delete(topic);
      throw error;
    }
    return { topic, unsubscribe: () => this.#unsubscribe(entry) };
  }

  /**
   * A new connection has no subscriptions: each is made again, from where it was. In the same
   * session answers are still waited for: whatever was heard, it is asked again under that id.
   */
  connected(isSameSession: boolean): void {
    for (const entry of this.#entries.values()) {
      const { asked, place } = entry;
      if (isSameSession && asked !== undefined) this.#owner.send(subscribeFrame(entry, asked));
      else if (place !== undefined) this.#resume(entry);
    }
  }

  /** The connection has ended: the next one makes all subscriptions again. */
  disconnected(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#left.clear();
  }

  received(frame: TopicFrame): void {
    const topic = frame.topic;
    const entry = this.#entries.get(topic);
    if (entry === undefined) return;
    switch (frame.type) {
      case "publication": {
        const { offset, payload, from, lost = 0 } = frame;
        if (entry.place !== undefined) entry.place.offset = offset;
        return this.#call(() =>
          entry.handlers.onPublication({ topic, offset, payload, from, lost }),
        );
      }
      case "joined":
      case "left":
        return this.#call(() => entry.handlers.onPresence?.(frame.type, frame.who));
      case "occupancy":
        return this.#call(() => entry.handlers.onOccupancy?.(frame.count));
      case "resubscribed":
        return this.#placed(entry, frame);
    }
  }

  #resume(entry: Entry): void {
    this.#request(entry).catch((cause: unknown) => {
      const words = `could not subscribe to ${entry.topic} again`;
      const error =
        cause instanceof HeraldError ? cause : clientError("client.frame", words, cause);
      this.#owner.error(error);
      const { code, retryAfterMs } = error;
      if (retryAfterMs === undefined && code !== "client.busy" && code !== "client.timeout") return;
      this.#left.add(entry);
      this.#cancel ??= this.#owner.clock.after(retryAfterMs ?? RETRY_MS, () => this.#resumeLeft());
    });
  }

  #resumeLeft(): void {
    const left = [...this.#left];
    this.disconnected();
    for (const entry of left) {
      if (this.#entries.get(entry.topic) === entry) this.#resume(entry);
    }
  }

  async #request(entry: Entry): Promise<void> {
    let asked: number | undefined;
    try {
      const frame = await this.#owner.ask((id) => {
        asked = id;
        entry.asked = id;
        return subscribeFrame(entry, id);
      });
      if (frame.type !== "subscribed") throw clientError("client.frame", `${frame.type} came`);
    } finally {
      // Another session may have been asked meanwhile.
      if (entry.asked === asked) entry.asked = undefined;
    }
  }

  /** The answer to a subscription, before anything of the topic that follows it. */
  subscribed(frame: Extract<AnswerFrame, { type: "subscribed" }>): void {
    const entry = this.#entries.get(frame.topic);
    if (entry !== undefined) this.#placed(entry, frame);
  }

  #placed(
    entry: Entry,
    { epoch, offset, recovered }: Extract<AnswerFrame, { type: "subscribed" | "resubscribed" }>,
  ): void {
    const before = entry.place;
    // What was recovered follows, and moves the place on.
    entry.place = { epoch, offset: recovered && before !== undefined ? before.offset : offset };
    if (before !== undefined && !recovered) {
      this.#call(() => entry.handlers.onMissed?.(entry.topic));
    }
  }

  async #unsubscribe({ topic }: Entry): Promise<void> {
    if (!this.#entries.delete(topic)) return;
    try {
      await this.#owner.ask((id) => ({ type: "unsubscribe", id, topic }));
    } catch (cause) {
      // Without the connection there is no subscription, and the next one makes none.
      if (!(cause instanceof HeraldError && GONE.includes(cause.code))) throw cause;
    }
  }

  #call(handler: () => void): void {
    try {
      handler();
    } catch (cause) {
      this.#owner.error(clientError("client.handler", "a topic's handler threw", cause));
    }
  }
}

function subscribeFrame({ topic, handlers, place }: Entry, id: number): RequestFrame {
  const wantsPresence = handlers.onPresence !== undefined || handlers.onOccupancy !== undefined;
  const presence = wantsPresence ? { presence: true } : {};
  const since = place === undefined ? {} : { epoch: place.epoch, offset: place.offset };
  return { type: "subscribe", id, topic, ...presence, ...since };
}
