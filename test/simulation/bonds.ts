import { boardKey, kindOf } from "../../src/core/address.ts";
import type { Role } from "../../src/core/relations.ts";
import type { ReachDesk } from "../testkit/reach-desk.ts";

/**
 * Who may send to whom, as the issue says it and apart from how the node does it, with its past.
 *
 * Users own boards or are guests of them; those of one family also see the boards of its host.
 */
export class Bonds {
  readonly #users: readonly string[];
  readonly #boards: readonly string[];
  readonly #host: string;
  readonly #relations: ReachDesk;
  readonly #roles = new Map<string, Role>();
  readonly #members = new Map<string, Role>();
  /** By version: pairs that may send, as `from>to`, and the family's users, as `family>user`. */
  readonly #allowed: ReadonlySet<string>[] = [];

  constructor(relations: ReachDesk, users: readonly string[], boards: readonly string[]) {
    this.#relations = relations;
    this.#users = users;
    this.#boards = boards;
    this.#host = users[0]!;
  }

  get version(): number {
    return this.#allowed.length - 1;
  }

  /** Binds, or unbinds with no role. */
  bind(user: string, board: string, role: Role | undefined): void {
    if (role === undefined) this.#roles.delete(`${user}>${board}`);
    else this.#roles.set(`${user}>${board}`, role);
  }

  /** Takes a user into the family, or out of it with no role. */
  join(user: string, role: Role | undefined): void {
    if (user === this.#host) return;
    if (role === undefined) this.#members.delete(user);
    else this.#members.set(user, role);
  }

  /** Tells everybody what holds from now on. */
  publish(): void {
    for (const user of this.#users) {
      const family = this.#familyRole(user) === undefined ? undefined : this.#host;
      this.#relations.view(user, this.#viewOf(user), family);
    }
    for (const board of this.#boards) {
      const users = this.#users.flatMap((user) => {
        const role = this.#roleTo(user, board);
        return role === undefined ? [] : [[user, role] as const];
      });
      this.#relations.view(boardKey(board), Object.fromEntries(users));
    }
    this.#allowed.push(this.#pairs());
  }

  /** Whether it was so at any time from one version to another. */
  wasAllowed(pair: string, from: number, to: number): boolean {
    for (let at = from; at <= to; at += 1) if (this.#allowed[at]!.has(pair)) return true;
    return false;
  }

  #viewOf(user: string): Record<string, Role> {
    const roles: Record<string, Role> = {};
    for (const board of this.#boards) {
      const role = this.#roleTo(user, board);
      if (role !== undefined) roles[boardKey(board)] = role;
    }
    if (this.#familyRole(user) === undefined) return roles;
    for (const other of this.#users) {
      const role = this.#familyRole(other);
      if (other !== user && role !== undefined) roles[other] = role;
    }
    return roles;
  }

  #familyRole(user: string): Role | undefined {
    if (user !== this.#host) return this.#members.get(user);
    return this.#members.size > 0 ? "owner" : undefined;
  }

  #roleTo(user: string, board: string): Role | undefined {
    const own = this.#roles.get(`${user}>${board}`);
    if (own !== undefined) return own;
    const isOfHost = this.#roles.get(`${this.#host}>${board}`) !== undefined;
    return isOfHost ? this.#familyRole(user) : undefined;
  }

  #pairs(): ReadonlySet<string> {
    const pairs = new Set<string>();
    for (const user of this.#users) {
      pairs.add(`${user}>${user}`);
      if (this.#familyRole(user) !== undefined) pairs.add(`family>${user}`);
      for (const [other, role] of Object.entries(this.#viewOf(user))) {
        const isBoard = kindOf(other) === "board";
        if (!isBoard || role !== "guest") pairs.add(`${user}>${other}`);
        if (isBoard) pairs.add(`${other}>${user}`);
      }
    }
    for (const board of this.#boards) pairs.add(`${boardKey(board)}>${boardKey(board)}`);
    return pairs;
  }
}
