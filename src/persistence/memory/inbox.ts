import type { Clock } from "../../core/clock.ts";
import { emptyLedger, type Ledger, type Outcome } from "../../core/ledger.ts";
import { compareText } from "../../core/text-order.ts";
import {
  type Appended,
  type Fate,
  type Inbox,
  type InboxItem,
  type InboxLimits,
  type InboxStore,
  type NewInboxItem,
  READ_BYTES_MAX,
} from "../ports/inbox.ts";
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
  outcome: Outcome | undefined;
}

type Counts = Record<Exclude<keyof Ledger, "pending">, number>;

interface Memory {
  readonly users: Map<string, User>;
  readonly ids: Map<string, KnownId>;
  readonly ledgers: Map<string, Counts>;
}

export function memoryInbox(limits: InboxLimits, clock: Clock): Synchronous<InboxStore> {
  const memory: Memory = { users: new Map(), ids: new Map(), ledgers: new Map() };
  return {
    append(items) {
      const appended = items.map((item) => add(memory, item));
      for (const name of new Set(items.map((item) => item.user))) {
        shedOverflow(memory, name, { limits, at: clock.now() });
      }
      return appended;
    },
    read(names, now) {
      const inboxes: Inbox[] = [];
      let bytes = 0;
      for (const user of names) {
        const { head, forgotten, items } = memory.users.get(user) ?? nobody;
        const alive = [...items.values()].filter((item) => item.expiresAt > now);
        inboxes.push({ user, head, forgotten, items: alive.map((item) => ({ ...item })) });
        for (const item of alive) bytes += bytesOf(item);
        if (bytes >= READ_BYTES_MAX) break;
      }
      return inboxes;
    },
    fate(id) {
      const known = memory.ids.get(id);
      return known === undefined ? undefined : fateOf(known);
    },
    fates(prefix, { after, limit }) {
      return [...memory.ids]
        .filter(([id]) => id.startsWith(prefix) && compareText(id, after) > 0)
        .sort(([a], [b]) => compareText(a, b))
        .slice(0, limit)
        .map(([id, known]) => ({ id, ...fateOf(known) }));
    },
    ...endings(memory),
    ...ledgersOf(memory),
  };
}

function fateOf({ offset, settledAt: at, outcome }: KnownId): Fate {
  return { offset, settled: at === undefined ? undefined : { outcome: outcome!, at } };
}

function endings(memory: Memory): Pick<Synchronous<InboxStore>, "settle" | "expire" | "purge"> {
  return {
    settle(settlements, at) {
      let count = 0;
      for (const { user, offset, outcome } of settlements) {
        if (settle(memory, { user, offset }, { outcome, at })) count += 1;
      }
      return count;
    },
    expire(now, limit) {
      const due = allItems(memory).filter((item) => item.expiresAt <= now);
      const chosen = due.sort((a, b) => a.expiresAt - b.expiresAt).slice(0, limit);
      for (const item of chosen) settle(memory, item, { outcome: "expired", at: now });
      return chosen.length;
    },
    purge(before, limit) {
      const old = [...memory.ids].filter(([, { settledAt }]) => (settledAt ?? before) < before);
      const chosen = old.sort(([, a], [, b]) => a.settledAt! - b.settledAt!).slice(0, limit);
      for (const [id] of chosen) memory.ids.delete(id);
      return chosen.length;
    },
  };
}

function ledgersOf(memory: Memory): Pick<Synchronous<InboxStore>, "ledger" | "ledgerOfAll"> {
  return {
    ledger(name) {
      const counts = memory.ledgers.get(name);
      if (counts === undefined) return emptyLedger;
      return { ...counts, pending: allItems(memory).filter((it) => it.ledger === name).length };
    },
    ledgerOfAll() {
      const sum = { ...emptyLedger, pending: allItems(memory).length };
      for (const counts of memory.ledgers.values()) {
        for (const [name, count] of Object.entries(counts)) sum[name as keyof Counts] += count;
      }
      return sum;
    },
  };
}

const nobody: User = { head: 0, forgotten: 0, items: new Map() };

function allItems(memory: Memory): InboxItem[] {
  return [...memory.users.values()].flatMap((user) => [...user.items.values()]);
}

function countsOf(memory: Memory, ledger: string): Counts {
  let counts = memory.ledgers.get(ledger);
  if (counts === undefined) {
    const { pending: _, ...zero } = emptyLedger;
    counts = { ...zero };
    memory.ledgers.set(ledger, counts);
  }
  return counts;
}

function add(memory: Memory, item: NewInboxItem): Appended {
  const known = memory.ids.get(item.id);
  if (known !== undefined) return { offset: known.offset, fresh: false };
  const user = memory.users.get(item.user) ?? { head: 0, forgotten: 0, items: new Map() };
  memory.users.set(item.user, user);
  user.head += 1;
  user.items.set(user.head, { ...item, offset: user.head });
  memory.ids.set(item.id, { offset: user.head, settledAt: undefined, outcome: undefined });
  countsOf(memory, item.ledger).accepted += 1;
  return { offset: user.head, fresh: true };
}

function settle(
  memory: Memory,
  place: { readonly user: string; readonly offset: number },
  end: { readonly outcome: Outcome; readonly at: number },
): boolean {
  const user = memory.users.get(place.user);
  const item = user?.items.get(place.offset);
  if (user === undefined || item === undefined) return false;
  user.items.delete(place.offset);
  const known = memory.ids.get(item.id)!;
  known.settledAt = end.at;
  known.outcome = end.outcome;
  countsOf(memory, item.ledger)[end.outcome] += 1;
  // A confirmed item was seen, and an expired one is not worth telling of.
  if (end.outcome !== "acked" && end.outcome !== "expired") {
    user.forgotten = Math.max(user.forgotten, place.offset);
  }
  return true;
}

function shedOverflow(
  memory: Memory,
  user: string,
  { limits, at }: { readonly limits: InboxLimits; readonly at: number },
): void {
  const { items } = memory.users.get(user) ?? nobody;
  let bytes = [...items.values()].reduce((sum, item) => sum + bytesOf(item), 0);
  for (const [offset, item] of items) {
    const fits = items.size <= limits.perUserMax && bytes <= limits.perUserBytesMax;
    if (fits || items.size === 1) return;
    settle(memory, { user, offset }, { outcome: "shed", at });
    bytes -= bytesOf(item);
  }
}

function bytesOf({ payload }: InboxItem): number {
  return Buffer.byteLength(payload);
}
