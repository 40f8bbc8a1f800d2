import { RuntimeError } from "../../core/errors.ts";
import {
  CONSUMERS_MAX,
  type ConsumerPlace,
  type NewUpload,
  type OutboxAppended,
  type OutboxLedger,
  type OutboxStore,
  ROOM_MAX,
  refuseBeyond,
  type Upload,
  type UploadsRead,
  type UploadsRequest,
} from "../ports/outbox.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The outbox port's SQL. */
export function outboxOperations(db: Database): Synchronous<OutboxStore> {
  return {
    append: (uploads, max) => append(db, uploads, max),

    read({ after, limit, kinds }) {
      if (kinds === undefined) return db.rows<Upload>(`${READ} ${NEXT}`, after, limit);
      const marks = kinds.map(() => "?").join(", ");
      return db.rows<Upload>(`${READ} AND kind IN (${marks}) ${NEXT}`, after, ...kinds, limit);
    },

    next: (request) => next(db, request),

    place(consumer) {
      meet(db, consumer);
      return placeOf(db, consumer);
    },

    ack(consumer, upTo) {
      refuseBeyond(headOf(db), { upTo });
      meet(db, consumer);
      db.run(ACK, consumer, upTo);
      return placeOf(db, consumer);
    },

    consumers() {
      const sql = "SELECT consumer FROM outbox_consumers ORDER BY consumer";
      return db.rows<{ consumer: string }>(sql).map(({ consumer }) => placeOf(db, consumer));
    },

    forget: (consumer) => db.run("DELETE FROM outbox_consumers WHERE consumer = ?", consumer) > 0,

    prune(before, limit) {
      const acked = ackedByAll(db);
      const oldest = db.rows<{ offset: number; at: number }>(OLDEST, limit);
      const young = oldest.findIndex(({ at }) => at >= before);
      const old = young < 0 ? oldest : oldest.slice(0, young);
      if (old.length === 0) return 0;
      db.run('DELETE FROM outbox WHERE "offset" <= ?', old.at(-1)!.offset);
      resize(db, -old.length);
      const lost = old.filter(({ offset }) => offset > acked).length;
      db.run(COUNT_GONE, old.length - lost, lost);
      return old.length;
    },

    ledger: () => ledger(db),
  };
}

function next(db: Database, request: UploadsRequest): UploadsRead {
  const { consumer, limit, charactersMax, kinds = [] } = request;
  const head = headOf(db);
  if (request.after !== undefined) refuseBeyond(head, { after: request.after });
  const acked = meet(db, consumer);
  const { after = acked } = request;
  const marks = kinds.map(() => "?").join(", ");
  const some = request.kinds === undefined ? "" : `AND kind IN (${marks})`;
  // Without their payloads first: what does not fit is not read.
  const places = db.adHocRows<{ offset: number; characters: number }>(
    `SELECT "offset", length(payload) AS characters FROM outbox WHERE "offset" > ? ${some} ${NEXT}`,
    ...[after, ...kinds, limit],
  );
  let characters = 0;
  const tooLong = places.findIndex((place, index) => {
    characters += place.characters;
    return index > 0 && characters > charactersMax;
  });
  const given = tooLong < 0 ? places : places.slice(0, tooLong);
  const uploads = given.map(({ offset }) => db.row<Upload>(READ_ONE, offset)!);
  const isAll = tooLong < 0 && places.length < limit;
  const upTo = isAll ? head : given.at(-1)!.offset;
  return { uploads, upTo, missed: Math.max(0, firstOf(db) - 1 - after) };
}

/** Makes a consumer that was never heard of; returns what it has acknowledged. */
function meet(db: Database, consumer: string): number {
  const known = db.row<{ acked: number }>(FIND_CONSUMER, consumer);
  if (known !== undefined) return known.acked;
  if (db.row<{ n: number }>("SELECT count(*) AS n FROM outbox_consumers")!.n >= CONSUMERS_MAX) {
    const message = `the outbox has ${CONSUMERS_MAX} consumers; forget one that is not used`;
    throw new RuntimeError("outbox.refused", message);
  }
  db.run("INSERT INTO outbox_consumers (consumer, acked) VALUES (?, 0)", consumer);
  return 0;
}

function ledger(db: Database): OutboxLedger {
  const { n, acked: freed, pruned } = db.row<{ n: number; acked: number; pruned: number }>(SIZE)!;
  const waiting = behind(db, ackedByAll(db));
  return { accepted: headOf(db), acked: freed + n - waiting, waiting, pruned };
}

function headOf(db: Database): number {
  return db.row<{ head: number }>(HEAD)!.head;
}

/** Up to where every consumer has acknowledged; 0 without consumers. */
function ackedByAll(db: Database): number {
  return db.row<{ acked: number | null }>(ACKED_BY_ALL)!.acked ?? 0;
}

function append(db: Database, uploads: readonly NewUpload[], max: number): OutboxAppended[] {
  const appended: OutboxAppended[] = [];
  let room = max - resize(db, 0);
  let fresh = 0;
  for (const { principal, device, kind, payload, key, at } of uploads) {
    const known = db.row<{ offset: number }>(FIND, principal, key);
    if (known !== undefined) {
      appended.push({ offset: known.offset, fresh: false });
      continue;
    }
    if (room <= 0) room += makeRoom(db, uploads.length - appended.length - room);
    if (room <= 0) break;
    db.run(APPEND, principal, device, kind, payload, key, at);
    const { offset } = db.row<{ offset: number }>("SELECT last_insert_rowid() AS offset")!;
    appended.push({ offset, fresh: true });
    room -= 1;
    fresh += 1;
  }
  resize(db, fresh);
  return appended;
}

/** Deletes the oldest that every consumer has acknowledged; returns how many. */
function makeRoom(db: Database, missing: number): number {
  const freed = db.run(FREE, ackedByAll(db), missing + ROOM_MAX);
  resize(db, -freed);
  db.run(COUNT_GONE, freed, 0);
  return freed;
}

/** Counting what is kept takes as long as there is much of it, so the number is kept, too. */
function resize(db: Database, by: number): number {
  return db.row<{ n: number }>("UPDATE outbox_size SET n = n + ? RETURNING n", by)!.n;
}

/** What is kept is without gaps: to count it would take as long as there is much of it. */
function behind(db: Database, acked: number): number {
  return headOf(db) - Math.max(acked, firstOf(db) - 1);
}

/** The oldest that is kept, or the next to come. */
function firstOf(db: Database): number {
  return db.row<{ first: number | null }>(FIRST)!.first ?? headOf(db) + 1;
}

function placeOf(db: Database, consumer: string): ConsumerPlace {
  const { acked } = db.row<{ acked: number }>(FIND_CONSUMER, consumer)!;
  return { consumer, acked, behind: behind(db, acked) };
}

const FIND = 'SELECT "offset" FROM outbox WHERE principal = ? AND key = ?';

const APPEND = `
  INSERT INTO outbox (principal, device, kind, payload, key, at) VALUES (?, ?, ?, ?, ?, ?)`;

const READ = `
  SELECT "offset", principal, device, kind, payload, key, at FROM outbox WHERE "offset" > ?`;

const NEXT = 'ORDER BY "offset" LIMIT ?';

const READ_ONE = `
  SELECT "offset", principal, device, kind, payload, key, at FROM outbox WHERE "offset" = ?`;

/** The latest offset ever, which is also how many there were: each call takes all or none. */
const HEAD = "SELECT coalesce(max(seq), 0) AS head FROM sqlite_sequence WHERE name = 'outbox'";

const FIRST = 'SELECT min("offset") AS first FROM outbox';

const ACK = "UPDATE outbox_consumers SET acked = max(acked, ?2) WHERE consumer = ?1";

const SIZE = "SELECT n, acked, pruned FROM outbox_size";

const COUNT_GONE = "UPDATE outbox_size SET acked = acked + ?, pruned = pruned + ?";

const ACKED_BY_ALL = "SELECT min(acked) AS acked FROM outbox_consumers";

const FIND_CONSUMER = "SELECT acked FROM outbox_consumers WHERE consumer = ?";

const FREE = `
  DELETE FROM outbox WHERE "offset" IN (
    SELECT "offset" FROM outbox WHERE "offset" <= ? ORDER BY "offset" LIMIT ?)`;

const OLDEST = 'SELECT "offset", at FROM outbox ORDER BY "offset" LIMIT ?';
