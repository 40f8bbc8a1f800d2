import type { Clock } from "../../core/clock.ts";
import { emptyLedger, type Ledger, type Outcome } from "../../core/ledger.ts";
import type { Appended, InboxItem, InboxStore, NewInboxItem } from "../ports/inbox.ts";
import type { Synchronous } from "../synchronous.ts";

interface User {
  head: number;
  forgotten: number;
  /** Unsettled, by offset; a Map keeps them in the order in which they were added. */
  readonly items: Map<number, InboxItem>;
}

interface KnownId {
  readonly offset: number;
  settledAt: number | undefined;
}

type Counts = Record<Exclude<keyof Ledger, "pending">, number>;

export function memoryInbox(perUserMax: number, clock: Clock): Synchronous<InboxStore> {
  const users = new Map<string, User>();
  const ids = new Map<string, KnownId>();
  const ledgers = new Map<string, Counts>();

  const countsOf = (name: string): Counts => {
    let counts = ledgers.get(name);
    if (counts === undefined) {
      const { pending: _, ...zero } = emptyLedger;
      counts = { ...zero };
      ledgers.set(name, counts);
    }
    return counts;
  };

  const add = (item: NewInboxItem): Appended => {
    const known = ids.get(item.id);
    if (known !== undefined) return { offset: known.offset, fresh: false };
    const user = users.get(item.user) ?? { head: 0, forgotten: 0, items: new Map() };
    users.set(item.user, user);
    user.head += 1;
    user.items.set(user.head, { ...item, offset: user.head });
    ids.set(item.id, { offset: user.head, settledAt: undefined });
    countsOf(item.ledger).accepted += 1;
    return { offset: user.head, fresh: true };
  };

  const settle = (name: string, offset: number, end: { outcome: Outcome; at: number }): number => {
    const user = users.get(name);
    const item = user?.items.get(offset);
    if (user === undefined || item === undefined) return 0;
    user.items.delete(offset);
    ids.get(item.id)!.settledAt = end.at;
    countsOf(item.ledger)[end.outcome] += 1;
    // A confirmed item was seen, and an expired one is not worth telling of.
    if (end.outcome !== "acked" && end.outcome !== "expired") {
      user.forgotten = Math.max(user.forgotten, offset);
    }
    return 1;
  };

  const shedOverflow = (name: string, at: number): void => {
    const items = users.get(name)!.items;
    for (const offset of items.keys()) {
      if (items.size <= perUserMax) return;
      settle(name, offset, { outcome: "shed", at });
    }
  };

  const allItems = (): InboxItem[] =>
    [...users.values()].flatMap((user) => [...user.items.values()]);

  return {
    append(items) {
      const appended = items.map(add);
      for (const name of new Set(items.map((item) => item.user))) {
        if (users.has(name)) shedOverflow(name, clock.now());
      }
      return appended;
    },
    read: (names, now) =>
      names.map((user) => {
        const { head, forgotten, items } = users.get(user) ?? { head: 0, forgotten: 0, items: [] };
        const alive = [...items.values()].filter((item) => item.expiresAt > now);
        return { user, head, forgotten, items: alive.map((item) => ({ ...item })) };
      }),
    settle: (settlements, at) =>
      settlements.reduce(
        (count, { user, offset, outcome }) => count + settle(user, offset, { outcome, at }),
        0,
      ),
    expire(now, limit) {
      const due = allItems().filter((item) => item.expiresAt <= now);
      const chosen = due.sort((a, b) => a.expiresAt - b.expiresAt).slice(0, limit);
      for (const { user, offset } of chosen) settle(user, offset, { outcome: "expired", at: now });
      return chosen.length;
    },
    purge(before, limit) {
      const old = [...ids].filter(([, { settledAt }]) => (settledAt ?? before) < before);
      const chosen = old.sort(([, a], [, b]) => a.settledAt! - b.settledAt!).slice(0, limit);
      for (const [id] of chosen) ids.delete(id);
      return chosen.length;
    },
    ledger(name) {
      const counts = ledgers.get(name);
      if (counts === undefined) return emptyLedger;
      const pending = allItems().filter((item) => item.ledger === name).length;
      return { ...counts, pending };
    },
    ledgerOfAll() {
      const sum = { ...emptyLedger, pending: allItems().length };
      for (const counts of ledgers.values()) {
        for (const [name, count] of Object.entries(counts)) sum[name as keyof Counts] += count;
      }
      return sum;
    },
  };
}
