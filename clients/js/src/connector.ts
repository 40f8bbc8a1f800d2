import type { Cancel } from "./clock.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";
import { Credential } from "./credential.ts";
import type { HeraldError } from "./errors.ts";
import type { ClientState, StateDetail } from "./events.ts";
import type { ClientFrame, ReceivedFrame, WelcomeFrame } from "./frames.ts";
import { watchNetwork } from "./network.ts";
import { readUrl, type Settings } from "./options.ts";
import { type Decision, decide } from "./retry.ts";

/** What the connector asks of and tells its client. */
export interface ConnectorOwner {
  /** Where to continue, for the hello of a login with this credential. */
  resumption(credential: string): { readonly resume?: string; readonly offset?: number };
  state(state: ClientState, detail: StateDetail): void;
  welcomed(frame: WelcomeFrame): void;
  received(frame: ReceivedFrame): void;
  pinged(id: number): void;
  /** The connection is gone; another may follow. */
  disconnected(): void;
  error(error: HeraldError): void;
}

/** Keeps one connection to the server, or the next attempt at one. */
export class Connector {
  readonly #settings: Settings;
  readonly #owner: ConnectorOwner;
  readonly #unwatch: () => void;
  readonly #credential: Credential;
  #connection: Connection | undefined;
  #attempts = 0;
  /** Rises with every attempt, so that a late credential of an earlier one is not used. */
  #round = 0;
  #retry: { readonly cancel: Cancel; readonly asked: boolean } | undefined;
  /** Not to be connected until `release`; with what to do then. */
  #held = false;
  #decision: (Decision & { readonly type: "retry" }) | undefined;
  #stopped = false;

  /** Where the server has sent it. */
  #redirectedTo: string | undefined = undefined;

  constructor(settings: Settings, owner: ConnectorOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#credential = new Credential(settings, (error) => owner.error(error));
    this.#unwatch = watchNetwork(settings.network, () => this.#check());
  }

  /** The connection, if one is welcomed and takes frames. */
  get writable(): Connection | undefined {
    return this.#connection?.writable ? this.#connection : undefined;
  }

  async connect(): Promise<void> {
    if (this.#stopped) return;
    this.#round += 1;
    const round = this.#round;
    this.#owner.state("connecting", {});
    let credential: string;
    try {
      credential = await this.#credential.get();
    } catch (cause) {
      if (round !== this.#round) return;
      this.#owner.error(cause as HeraldError);
      return this.#ended(withoutConnection((cause as HeraldError).message));
    }
    if (round === this.#round) this.#open(credential);
  }

  /** Ends the connection and does not connect again before `release`. */
  hold(reason: string): void {
    this.#held = true;
    this.#connection?.giveUp(reason);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (this.#decision !== undefined) this.#schedule(this.#decision);
  }

  /** Connects no more; an existing connection stays until `leave`. */
  stop(): void {
    this.#stopped = true;
    this.#round += 1;
    this.#retry?.cancel();
    this.#credential.ended();
    this.#unwatch();
  }

  /** Says good-bye; resolves when the connection is closed. */
  leave(): Promise<void> {
    return this.#connection?.leave() ?? Promise.resolve();
  }

  #open(credential: string): void {
    const { device } = this.#settings;
    const resumption = this.#owner.resumption(credential);
    const hello: ClientFrame = { type: "hello", credential, device, ...resumption };
    try {
      const url = readUrl(this.#redirectedTo ?? this.#settings.url);
      this.#connection = new Connection({ ...this.#settings, url }, hello, {
        welcomed: (frame) => this.#welcomed(frame),
        received: (frame) => this.#received(frame),
        pinged: (id) => this.#owner.pinged(id),
        ended: (end) => this.#ended(end),
        error: (error) => this.#owner.error(error),
      });
    } catch (cause) {
      this.#ended(withoutConnection(cause instanceof Error ? cause.message : String(cause)));
    }
  }

  #welcomed(frame: WelcomeFrame): void {
    this.#credential.accepted(this.#connection!, frame.expiresInMs);
    this.#owner.welcomed(frame);
  }

  #received(frame: ReceivedFrame): void {
    if (frame.type !== "refreshed") return this.#owner.received(frame);
    this.#credential.accepted(this.#connection!, frame.expiresInMs);
  }

  #ended(end: ConnectionEnd): void {
    this.#connection = undefined;
    this.#credential.ended();
    // Where nobody welcomes it, it goes back to where it was told to connect in the first place.
    if (end.kick?.url !== undefined) this.#redirectedTo = end.kick.url;
    else if (end.connectedMs === undefined) this.#redirectedTo = undefined;
    this.#owner.disconnected();
    if (this.#stopped) return;
    const { backoff, random } = this.#settings;
    const { canRenew } = this.#credential;
    const decision = decide(end, { backoff, random, canRenew, attempts: this.#attempts });
    const code = end.kick?.code ?? end.code;
    const reason = end.error === undefined ? end.reason : `${end.reason}: ${end.error.message}`;
    const why = { reason, ...(code === undefined ? {} : { code }) };
    if (decision.type === "stop") {
      this.stop();
      return this.#owner.state("closed", why);
    }
    this.#attempts = decision.attempts;
    if (decision.renew) this.#credential.renew();
    const { afterMs, attempts } = decision;
    if (this.#held) this.#decision = decision;
    else this.#schedule(decision);
    const when = this.#held ? {} : { retryInMs: afterMs };
    this.#owner.state("waiting", { ...why, ...when, attempts });
  }

  #schedule({ afterMs, asked }: { readonly afterMs: number; readonly asked: boolean }): void {
    this.#decision = undefined;
    const cancel = this.#settings.clock.after(afterMs, () => {
      this.#retry = undefined;
      void this.connect();
    });
    this.#retry = { cancel, asked };
  }

  /** The network may have changed: try again soon, or see whether the server is still there. */
  #check(): void {
    const { backoff, connectTimeoutMs, random } = this.#settings;
    this.#connection?.probe(connectTimeoutMs);
    if (this.#retry === undefined || this.#retry.asked) return;
    this.#retry.cancel();
    this.#schedule({ afterMs: Math.round(random() * backoff.minMs), asked: false });
  }
}

function withoutConnection(reason: string): ConnectionEnd {
  return { code: undefined, reason, kick: undefined, error: undefined, connectedMs: undefined };
}
