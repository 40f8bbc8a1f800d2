import { RuntimeError } from "../../src/core/errors.ts";
import type { InboxStore } from "../../src/persistence/ports/inbox.ts";

type Method = keyof InboxStore;

/** One call as the store saw it; `size` is how many entries it had, 0 where that means nothing. */
export interface InboxCall {
  readonly method: Method;
  readonly size: number;
}

/**
 * An inbox store that can be slow or unavailable when a test says so; else it is the one inside.
 *
 * A call that fails changes nothing, as the port promises, unless its answer was to be lost.
 */
export class GatedInbox implements InboxStore {
  readonly calls: InboxCall[] = [];
  /** These fail with `store.unavailable`; `all` for every method. */
  readonly down = new Set<Method | "all">();
  /** These are done, and yet answered with `store.unavailable`: the answer got lost. */
  readonly answersLost = new Set<Method>();
  readonly #inner: InboxStore;
  #gate: Promise<void> | undefined = undefined;
  #open: (() => void) | undefined = undefined;

  constructor(inner: InboxStore) {
    this.#inner = inner;
  }

  /** Makes calls wait until `release`. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open?.();
    this.#gate = undefined;
  }

  /** How often a method was called. */
  count(method: Method): number {
    return this.calls.filter((call) => call.method === method).length;
  }

  append: InboxStore["append"] = (items) =>
    this.#call("append", items.length, () => this.#inner.append(items));
  read: InboxStore["read"] = (users, now) =>
    this.#call("read", users.length, () => this.#inner.read(users, now));
  settle: InboxStore["settle"] = (settlements, at) =>
    this.#call("settle", settlements.length, () => this.#inner.settle(settlements, at));
  fate: InboxStore["fate"] = (id) => this.#call("fate", 0, () => this.#inner.fate(id));
  fates: InboxStore["fates"] = (prefix, page) =>
    this.#call("fates", 0, () => this.#inner.fates(prefix, page));
  expire: InboxStore["expire"] = (now, limit) =>
    this.#call("expire", 0, () => this.#inner.expire(now, limit));
  purge: InboxStore["purge"] = (before, limit) =>
    this.#call("purge", 0, () => this.#inner.purge(before, limit));
  ledger: InboxStore["ledger"] = (name) => this.#call("ledger", 0, () => this.#inner.ledger(name));
  ledgerOfAll: InboxStore["ledgerOfAll"] = () =>
    this.#call("ledgerOfAll", 0, () => this.#inner.ledgerOfAll());

  async #call<T>(method: Method, size: number, run: () => Promise<T>): Promise<T> {
    this.calls.push({ method, size });
    if (this.#gate !== undefined) await this.#gate;
    if (this.down.has("all") || this.down.has(method)) {
      throw new RuntimeError("store.unavailable", `${method} fails on request`);
    }
    const answer = await run();
    if (this.answersLost.has(method)) {
      throw new RuntimeError("store.unavailable", `the answer of ${method} is lost on request`);
    }
    return answer;
  }
}
