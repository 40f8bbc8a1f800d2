import { describe, expect, test } from "vitest";
import { boardKey } from "../../src/core/address.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import type { Role } from "../../src/core/relations.ts";
import type { RelationChange, RelationStore } from "../../src/persistence/ports/relations.ts";
import { type OpenStores, openFor } from "./open-stores.ts";

const USERS = ["ann", "bob", "eve", "gus", "zoe"];
const BOARDS = ["b1", "b2", "b3", "b4"];
const PRINCIPALS = [...USERS, ...BOARDS.map(boardKey)];
const STEPS = 400;

/**
 * Relations as simply as they can be said: who owns what, and who is what to whom. A change is a
 * question (may it? does it hold already?) and one line.
 */
class Model {
  readonly owners = new Map<string, string | undefined>();
  /** By `family user`. */
  readonly roles = new Map<string, { role: Role; joined: boolean }>();

  /** What a change comes to: whether anything changed, or the code of the refusal. */
  apply(change: RelationChange): boolean | string {
    const at = "family" in change && "user" in change ? `${change.family} ${change.user}` : "";
    const member = this.roles.get(at);
    switch (change.type) {
      case "register":
        return this.#set(!this.owners.has(change.board.id), change.board.id, undefined);
      case "forget":
        return this.owners.delete(change.board);
      case "bind": {
        if (!this.owners.has(change.board)) return "board.unknown";
        const owner = this.owners.get(change.board);
        if (owner !== undefined && owner !== change.user) return "relation.refused";
        return this.#set(owner === undefined, change.board, change.user);
      }
      case "unbind":
        if (!this.owners.has(change.board)) return "board.unknown";
        return this.#set(this.owners.get(change.board) !== undefined, change.board, undefined);
      case "invite": {
        if (change.user === change.family) return "relation.refused";
        if (member !== undefined && (member.joined || member.role === change.role)) return false;
        if (!this.#isHost(change.family) && this.#hostOf(change.family)) return "relation.refused";
        this.roles.set(`${change.family} ${change.family}`, { role: "owner", joined: true });
        this.roles.set(at, { role: change.role, joined: false });
        return true;
      }
      case "join":
        if (!this.#isHost(change.family)) return "family.unknown";
        if (member === undefined) return "relation.refused";
        if (member.joined) return false;
        if (this.#hostOf(change.user) !== undefined) return "relation.refused";
        member.joined = true;
        return true;
      case "refuse":
        if (member === undefined) return false;
        return member.joined ? "relation.refused" : this.#remove(change.family, at);
      case "quit":
      case "remove":
        if (member === undefined) return false;
        if (change.user === change.family) return "relation.refused";
        if (change.type === "quit" && !member.joined) return false;
        return this.#remove(change.family, at);
      case "set-role":
        if (!this.#isHost(change.family)) return "family.unknown";
        if (member === undefined || change.user === change.family) return "relation.refused";
        if (member.role === change.role) return false;
        member.role = change.role;
        return true;
      case "dismiss":
        if (!this.#isHost(change.family)) return false;
        for (const user of USERS) this.roles.delete(`${change.family} ${user}`);
        return true;
      case "rename":
      case "rotate-secret":
        return this.owners.has(change.board) ? true : "board.unknown";
    }
  }

  /** The role between any two principals; undefined when they do not reach each other. */
  between(a: string, b: string): Role | undefined {
    if (a.startsWith("board:")) return b.startsWith("board:") ? undefined : this.between(b, a);
    const host = this.#hostOf(a);
    if (!b.startsWith("board:")) {
      const isFamily = a !== b && host !== undefined && this.#hostOf(b) === host;
      return isFamily ? this.roles.get(`${host} ${b}`)!.role : undefined;
    }
    const owner = this.owners.get(b.slice("board:".length));
    if (owner === a) return "owner";
    if (owner === undefined || host === undefined || this.#hostOf(owner) !== host) return undefined;
    return this.roles.get(`${host} ${a}`)!.role;
  }

  #hostOf(user: string): string | undefined {
    return USERS.find((host) => this.roles.get(`${host} ${user}`)?.joined);
  }

  #isHost(user: string): boolean {
    return this.roles.has(`${user} ${user}`);
  }

  #set(changes: boolean, board: string, owner: string | undefined): boolean {
    if (changes) this.owners.set(board, owner);
    return changes;
  }

  #remove(family: string, at: string): true {
    this.roles.delete(at);
    const left = USERS.filter((user) => this.roles.has(`${family} ${user}`));
    if (left.length === 1) this.roles.delete(`${family} ${family}`);
    return true;
  }
}

function randomChange(random: Random): RelationChange {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const [board, family, user] = [pick(BOARDS), pick(USERS.slice(0, 3)), pick(USERS)];
  const role = pick(["member", "guest"] as const);
  return pick<RelationChange>([
    { type: "register", board: { id: board } },
    { type: "forget", board },
    { type: "bind", board, user },
    { type: "bind", board, user },
    { type: "unbind", board },
    { type: "invite", family, user, role },
    { type: "invite", family, user, role },
    { type: "invite", family, user, role },
    { type: "join", family, user },
    { type: "join", family, user },
    { type: "join", family, user },
    { type: "refuse", family, user },
    { type: "quit", family, user },
    { type: "remove", family, user },
    { type: "set-role", family, user, role },
    ...(random() < 0.2 ? [{ type: "dismiss", family } as const] : []),
  ]);
}

/** The views of all principals, as `a>b: role`, and each one's version. */
async function viewsOf(relations: RelationStore) {
  const reaches = await relations.reaches(PRINCIPALS);
  const roles = reaches.flatMap(({ roles }, index) =>
    [...roles].map(([other, role]) => `${PRINCIPALS[index]}>${other}: ${role}`),
  );
  const versions = new Map(reaches.map(({ version }, index) => [PRINCIPALS[index]!, version]));
  return { roles: roles.sort(), versions, reaches };
}

/** Random changes, each compared with the model's. */
export function relationModelConformance(name: string, open: OpenStores): void {
  describe(`${name} relates as a simple model does`, () => {
    test.each([1, 2, 3, 4])("through random changes (seed %i)", async (seed) => {
      const { relations } = await openFor(open);
      const random = seededRandom(seed);
      const model = new Model();
      let before = await viewsOf(relations);
      for (let step = 0; step < STEPS; step += 1) {
        const change = randomChange(random);
        const label = `seed ${seed}, step ${step}: ${JSON.stringify(change)}`;
        const got = await relations.change(change, step).then(
          (changed) => changed,
          (error: { code: string }) => error.code,
        );
        expect(typeof got === "string" ? got : got.changed, label).toBe(model.apply(change));
        const after = await viewsOf(relations);
        const expected = PRINCIPALS.flatMap((a) =>
          PRINCIPALS.flatMap((b) => {
            const role = model.between(a, b);
            return role === undefined ? [] : [`${a}>${b}: ${role}`];
          }),
        );
        expect(after.roles, label).toEqual(expected.sort());
        const affected = typeof got === "string" ? [] : got.affected;
        for (const [index, reach] of after.reaches.entries()) {
          const principal = PRINCIPALS[index]!;
          // Symmetric: whom I reach reaches me.
          for (const other of reach.roles.keys()) {
            expect(after.reaches[PRINCIPALS.indexOf(other)]!.roles.has(principal)).toBe(true);
          }
          const { version, ...old } = before.reaches[index]!;
          const { version: newer, ...now } = reach;
          // Whoever's view is another is named, and has a higher version.
          if (JSON.stringify(viewText(old)) === JSON.stringify(viewText(now))) continue;
          expect(affected, label).toContain(principal);
          expect(newer, label).toBeGreaterThan(version);
        }
        before = after;
      }
    });
  });
}

function viewText({ roles, family }: { roles: ReadonlyMap<string, Role>; family: unknown }) {
  return [[...roles].sort(), family ?? null];
}
