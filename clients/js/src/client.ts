import type { Connection } from "./connection.ts";
import { Connector } from "./connector.ts";
import type { Push } from "./delivery.ts";
import type { AnswerFrame, Command, OnlineState, Presence, RequestFrame } from "./device-frames.ts";
import { clientError, HeraldError } from "./errors.ts";
import { type ClientEvents, type ClientState, Listeners, type StateDetail } from "./events.ts";
import type { ReceivedFrame } from "./frames.ts";
import {
  type MessageOwner,
  type Reply,
  type RequestOptions,
  type SendOptions,
  type Sent,
  takeMessage,
} from "./messages.ts";
import { type ClientOptions, readOptions, type Settings } from "./options.ts";
import { PendingPings, type Pong } from "./pings.ts";
import { type ClientCounters, PushStream } from "./push-stream.ts";
import { PendingRequests } from "./requests.ts";
import { loadState } from "./storage.ts";
import { type Subscription, type TopicHandlers, Topics } from "./topics.ts";

/** How long the server may take to say what became of a message, beside the network. */
const OUTCOME_MS = 10_000;
/** How long `close` waits for an `onPush` that is running. */
const CLOSE_TIMEOUT_MS = 5_000;

/** One device of one user, connected to Herald for as long as it lives. */
export class HeraldClient {
  readonly #settings: Settings;
  readonly #listeners: Listeners;
  readonly #stream: PushStream;
  readonly #connector: Connector;
  readonly #pings: PendingPings;
  readonly #requests: PendingRequests;
  readonly #topics: Topics;
  #session = "";
  #state: ClientState = "connecting";
  #detail: StateDetail = {};
  #closing: Promise<void> | undefined;

  /** @throws TypeError when an option is wrong; see `connect`. */
  constructor(options: ClientOptions) {
    this.#settings = readOptions(options);
    this.#listeners = new Listeners(options);
    const { clock, connectTimeoutMs } = this.#settings;
    this.#pings = new PendingPings(clock, connectTimeoutMs);
    this.#requests = new PendingRequests(clock);
    this.#topics = new Topics({
      clock,
      ask: (request) => this.#ask(request, OUTCOME_MS),
      send: (request) => this.#connector.writable?.send(request),
      error: (error) => this.#listeners.error(error),
    });
    this.#stream = new PushStream(this.#settings, {
      connection: () => this.#connector.writable,
      overflowed: () => this.#connector.hold("behind"),
      relieved: () => this.#connector.release(),
      gap: (gap) => this.#listeners.gap(gap),
      error: (error) => this.#listeners.error(error),
    });
    this.#connector = new Connector(this.#settings, {
      resumption: (credential) => this.#stream.resumption(credential),
      state: (state, detail) => this.#enter(state, detail),
      welcomed: (frame) => {
        const { recovered, session } = frame;
        // Answers come to the session that asked, over whatever connection.
        const isSameSession = session === this.#session;
        if (!isSameSession) this.#requests.rejectAll(lostSession());
        this.#session = session;
        this.#enter("connected", { recovered, session });
        this.#stream.welcomed(frame);
        this.#topics.connected(isSameSession);
      },
      received: (frame) => this.#received(frame),
      pinged: (id) => this.#stream.pinged(id),
      disconnected: () => {
        this.#pings.rejectAll(clientError("client.disconnected", "the connection ended"));
        this.#topics.disconnected();
      },
      error: (error) => this.#listeners.error(error),
    });
    // Not at once, so that no listener is called before `connect` has returned the client.
    void Promise.resolve().then(() => this.#start());
  }

  get state(): ClientState {
    return this.#state;
  }

  /** More about the state, as its listeners are told. */
  get detail(): StateDetail {
    return this.#detail;
  }

  /** Sums since the client was made. */
  get counters(): Readonly<ClientCounters> {
    return this.#stream.counters;
  }

  /** Adds a listener for "state", "gap" or "error"; returns what removes it. */
  on<Name extends keyof ClientEvents>(name: Name, listener: ClientEvents[Name]): () => void {
    return this.#listeners.add(name, listener);
  }

  /**
   * Resolves when the client is connected, at once if it is.
   *
   * @throws HeraldError `client.closed` when it is closed for good.
   */
  whenConnected(): Promise<StateDetail> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        if (this.#state === "connected") resolve(this.#detail);
        else if (this.#state === "closed") reject(closed(this.#detail));
        else return false;
        return true;
      };
      if (look()) return;
      const remove = this.on("state", () => {
        if (look()) remove();
      });
    });
  }

  /**
   * Asks the server for an answer with the same data; `data` is anything that JSON can hold.
   *
   * @throws HeraldError `client.offline`, `client.closed`, `client.busy`, `client.timeout`,
   * `client.disconnected`, or the server's code.
   */
  async ping(data?: unknown): Promise<Pong> {
    return this.#pings.wait(this.#writable(this.#pings.full).ping(data));
  }

  /**
   * Sends a message to other devices: `to` is an address as in the protocol, `board:lamp`.
   *
   * @throws HeraldError as `ping` does; the server's codes begin with `route.`.
   */
  async send(to: string, payload: unknown, options: SendOptions = {}): Promise<Sent> {
    const frame = await this.#ask(
      (id) => ({ type: "send", id, ...options, to, payload }),
      OUTCOME_MS,
    );
    if (frame.type !== "sent") throw clientError("client.frame", `${frame.type} is no outcome`);
    return { reached: frame.reached, kept: frame.kept };
  }

  /**
   * Asks another device and gives its answer, also when the connection changed meanwhile.
   *
   * @throws HeraldError as `send` does; `client.refused` when the device answered with an error.
   */
  async request(to: string, payload: unknown, options: RequestOptions = {}): Promise<Reply> {
    const { answerWithinMs = 10_000 } = options;
    if (!Number.isFinite(answerWithinMs)) {
      throw new TypeError(`answerWithinMs must be a number; got ${answerWithinMs}`);
    }
    const frame = await this.#ask(
      (id) => ({ type: "send", id, ...options, to, payload, answerWithinMs }),
      answerWithinMs,
    );
    if (frame.type !== "answer") throw clientError("client.frame", `${frame.type} is no answer`);
    if (frame.error !== undefined) throw clientError("client.refused", frame.error);
    return { from: frame.from, payload: frame.payload };
  }

  /**
   * Subscribes to a topic for as long as the client lives: after each connect it goes on from
   * where it was, and says so when something was missed for good.
   *
   * @throws HeraldError as `send` does; `client.busy` when it is subscribed already.
   */
  subscribe(topic: string, handlers: TopicHandlers): Promise<Subscription> {
    return this.#topics.subscribe(topic, handlers);
  }

  /** Publishes to a topic and gives the publication's place. @throws HeraldError as `send`. */
  async publish(topic: string, payload: unknown): Promise<number> {
    const frame = await this.#ask((id) => ({ type: "publish", id, topic, payload }), OUTCOME_MS);
    if (frame.type !== "published") throw clientError("client.frame", `${frame.type} came`);
    return frame.offset;
  }

  /**
   * Who is online at this moment of those at an address that this one may see: `boards`,
   * `phones`, `board:lamp`. At most 1 000 of them.
   *
   * @throws HeraldError as `send` does.
   */
  async presence(of: string): Promise<readonly OnlineState[]> {
    const frame = await this.#ask((id) => ({ type: "who", id, of }), OUTCOME_MS);
    if (frame.type !== "present") throw clientError("client.frame", `${frame.type} came`);
    return frame.members;
  }

  /** Who is subscribed to a topic; at most 1 000 of them. @throws HeraldError as `send`. */
  async who(topic: string): Promise<readonly Presence[]> {
    const frame = await this.#ask((id) => ({ type: "who", id, topic }), OUTCOME_MS);
    if (frame.type !== "here") throw clientError("client.frame", `${frame.type} came`);
    return frame.members;
  }

  /**
   * Gives something to the back end, a state or an alarm; resolves once it is stored for it. With
   * a key of yours an upload that is repeated, as after a lost answer, is one upload.
   *
   * @throws HeraldError as `send` does; `outbox.full` and `broker.unavailable` may pass.
   */
  async upload(kind: string, payload: unknown, options: { key?: string } = {}): Promise<void> {
    const request = (id: number): RequestFrame => ({
      type: "upload",
      id,
      kind,
      payload,
      ...options,
    });
    const frame = await this.#ask(request, OUTCOME_MS);
    if (frame.type !== "uploaded") throw clientError("client.frame", `${frame.type} came`);
  }

  /**
   * What a board says of itself: `{ do: "rename", name }`, `{ do: "unbind" }` and the like.
   *
   * @throws HeraldError as `send` does.
   */
  async command(command: Command): Promise<unknown> {
    const frame = await this.#ask((id) => ({ type: "command", id, command }), OUTCOME_MS);
    if (frame.type !== "done") throw clientError("client.frame", `${frame.type} came`);
    return frame.result;
  }

  /**
   * The pushes, for a client without `onPush`: `for await (const push of client.pushes())`.
   *
   * A push counts as handled when the loop asks for the next; the one on which it is left comes
   * again after the next connect, unless it was acked. Ends when the client is closed.
   *
   * @throws HeraldError `client.busy` when `onPush` or another loop has the pushes.
   */
  pushes(): AsyncGenerator<Push, void, undefined> {
    return this.#stream.pushes();
  }

  /**
   * Ends the session: waits up to five seconds for a running `onPush`, acks, says good-bye.
   *
   * What is not acked stays with the server for the next login.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ask(request: (id: number) => RequestFrame, withinMs: number): Promise<AnswerFrame> {
    const connection = this.#writable(this.#requests.full);
    const send = (id: number): void => connection.send(request(id));
    return this.#requests.ask(send, withinMs + this.#settings.connectTimeoutMs);
  }

  #writable(isFull: boolean): Connection {
    if (this.#state === "closed") throw closed(this.#detail);
    if (this.#state !== "connected") throw clientError("client.offline", "not connected");
    const connection = this.#connector.writable;
    if (connection !== undefined && !isFull) return connection;
    throw clientError("client.busy", "too much is on its way to the server");
  }

  async #start(): Promise<void> {
    const { storage } = this.#settings;
    if (storage !== undefined) {
      this.#stream.restore(await loadState(storage, (error) => this.#listeners.error(error)));
    }
    await this.#connector.connect();
  }

  /** Without anything to wait for, all of it happens before this returns. */
  #close(): Promise<void> {
    const leave = (): Promise<void> => {
      const finished = this.#stream.finish();
      if (finished === undefined) return this.#connector.leave();
      return finished.then(() => this.#connector.leave());
    };
    if (this.#state === "closed") return Promise.resolve();
    this.#connector.stop();
    this.#topics.disconnected();
    this.#enter("closed", { reason: "closed by this side" });
    this.#pings.rejectAll(clientError("client.closed", "the client was closed"));
    this.#requests.rejectAll(clientError("client.closed", "the client was closed"));
    const busy = this.#stream.stop();
    if (busy === undefined) return leave();
    return new Promise<void>((resolve) => {
      const cancel = this.#settings.clock.after(CLOSE_TIMEOUT_MS, resolve);
      void busy.then(() => {
        cancel();
        resolve();
      });
    }).then(leave);
  }

  #enter(state: ClientState, detail: StateDetail): void {
    if (this.#state === "closed") return;
    this.#state = state;
    this.#detail = detail;
    this.#listeners.state(state, detail);
    // Closed by the server: loops over the pushes end here as well.
    if (state !== "closed" || this.#closing !== undefined) return;
    void this.#stream.stop();
    this.#requests.rejectAll(closed(detail));
  }

  #messageOwner(): MessageOwner {
    const session = this.#session;
    return {
      handler: this.#settings.onMessage,
      answer: (frame) => {
        // Another session has numbers of its own.
        const connection = session === this.#session ? this.#connector.writable : undefined;
        connection?.send(frame);
        return connection !== undefined;
      },
      error: (error) => this.#listeners.error(error),
    };
  }

  #answered(frame: Exclude<ReceivedFrame, { type: "push" | "pong" | "message" | "error" }>): void {
    switch (frame.type) {
      case "publication":
      case "joined":
      case "left":
      case "occupancy":
      case "resubscribed":
        return this.#topics.received(frame);
      case "subscribed":
        // At once, as what follows it belongs to the place that it tells.
        this.#topics.subscribed(frame);
    }
    this.#requests.answered(frame);
  }

  #received(frame: ReceivedFrame): void {
    if (frame.type === "push") return this.#stream.pushed(frame);
    if (frame.type === "pong") {
      this.#stream.ponged(frame.id);
      return this.#pings.ponged(frame);
    }
    if (frame.type === "message") return void takeMessage(frame, this.#messageOwner());
    if (frame.type !== "error") return this.#answered(frame);
    if (this.#pings.refused(frame) || this.#requests.refused(frame)) return;
    const { code, message, retryAfterMs } = frame;
    if (retryAfterMs !== undefined) this.#stream.refused(retryAfterMs);
    this.#listeners.error(new HeraldError(code, message, retryAfterMs));
  }
}

function lostSession(): HeraldError {
  return clientError("client.disconnected", "the session ended before the answer came");
}

function closed({ code, reason }: StateDetail): HeraldError {
  const by = code === undefined ? "" : ` (${code})`;
  return clientError("client.closed", `the client is closed${by}: ${reason}`);
}
