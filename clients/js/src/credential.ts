import type { Cancel } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { clientError, type HeraldError } from "./errors.ts";
import type { Settings } from "./options.ts";

/** The next credential is asked for when this part of the time of the last one is over, */
const REFRESH_FROM = 0.75;
/** or up to this part later, so that devices that connected together do not ask together. */
const REFRESH_SPREAD = 0.15;
/** A credential that is good for less is left to expire. */
const REFRESH_MIN_MS = 1_000;
/** Timers of the platforms cannot wait longer. */
const TIMER_MAX_MS = 2 ** 31 - 1;
/** No ping and no request has this id. */
const REFRESH_ID = 0;

/** The device's credential: got once, again before it expires, and again when it has expired. */
export class Credential {
  readonly #settings: Settings;
  readonly #error: (error: HeraldError) => void;
  #current: string | undefined;
  /** It was got anew since the last one that was accepted. */
  #isRenewed = false;
  #offered: string | undefined;
  #cancel: Cancel | undefined;

  constructor(settings: Settings, error: (error: HeraldError) => void) {
    this.#settings = settings;
    this.#error = error;
  }

  /** Whether another one can be had, and has not just been refused. */
  get canRenew(): boolean {
    return typeof this.#settings.credential === "function" && !this.#isRenewed;
  }

  /** @throws HeraldError `client.credential` when the application's function fails. */
  async get(): Promise<string> {
    this.#current ??= await this.#fetch();
    return this.#current;
  }

  /** The one there is has expired, or is not accepted. */
  renew(): void {
    this.#isRenewed = true;
    this.#current = undefined;
  }

  /** The server has taken what this connection offered: for so long, if it says so. */
  accepted(connection: Connection, expiresInMs: number | undefined): void {
    const { clock, credential, random } = this.#settings;
    this.#isRenewed = false;
    this.#current = this.#offered ?? this.#current;
    this.ended();
    if (typeof credential !== "function") return;
    if (expiresInMs === undefined || expiresInMs < REFRESH_MIN_MS) return;
    const afterMs = Math.round(expiresInMs * (REFRESH_FROM + REFRESH_SPREAD * random()));
    const refresh = (): void => void this.#refresh(connection);
    this.#cancel = clock.after(Math.min(afterMs, TIMER_MAX_MS), refresh);
  }

  /** The connection has ended, or is about to: nothing more is offered on it. */
  ended(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#offered = undefined;
  }

  /** Should it fail, the server ends the connection in time, and the next one asks again. */
  async #refresh(connection: Connection): Promise<void> {
    const cancel = this.#cancel;
    const isPast = (): boolean => cancel !== this.#cancel;
    try {
      const credential = await this.#fetch();
      if (isPast()) return;
      this.#offered = credential;
      connection.send({ type: "refresh", id: REFRESH_ID, credential });
    } catch (error) {
      if (!isPast()) this.#error(error as HeraldError);
    }
  }

  /** @throws HeraldError `client.credential` and nothing else. */
  async #fetch(): Promise<string> {
    const { credential } = this.#settings;
    if (typeof credential === "string") return credential;
    try {
      const got: unknown = await this.#within(credential);
      if (typeof got === "string" && got !== "") return got;
      throw new TypeError(`expected a JWT, got ${got === "" ? "an empty string" : typeof got}`);
    } catch (cause) {
      throw clientError("client.credential", "the credential function failed", cause);
    }
  }

  #within<Value>(get: () => Value | Promise<Value>): Promise<Value> {
    const { clock, connectTimeoutMs } = this.#settings;
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`no credential within ${connectTimeoutMs} ms`));
      const cancel = clock.after(connectTimeoutMs, late);
      const asked = new Promise<Value>((answer) => answer(get()));
      asked.then(resolve, reject).finally(cancel);
    });
  }
}
