import { bucketOf, MEMBER_BUCKETS } from "../../core/member-rules.ts";
import type { Database } from "./database.ts";

/** Audiences of which a part is kept at hand; the one used longest ago makes room. */
const AUDIENCES_MAX = 16;

interface Part {
  /** What of the audience it is: its partitions with this number modulo `step`. */
  readonly step: number;
  readonly rest: number;
  readonly members: ReadonlySet<string>;
}

/**
 * Answers whether a member is in a frozen audience, while a query goes through one bucket.
 *
 * A bucket's members are in one partition of an audience with up to 256 partitions, or in each
 * 256th of a larger one. That part alone is read from the audience's pages and kept, so that
 * memory holds a few ten thousand ids per audience, however large that is. Frozen pages do not
 * change, so nothing has to be thrown away but what is collected anew.
 */
export class AudienceMembers {
  readonly #db: Database;
  readonly #parts = new Map<string, Part>();
  readonly #partitions = new Map<string, number>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** `member` must be in the bucket that the query goes through. */
  has(audience: string, member: string): boolean {
    const step = Math.min(this.#partitionsOf(audience), MEMBER_BUCKETS);
    if (step === 0) return false;
    const rest = bucketOf(member) & (step - 1);
    let part = this.#parts.get(audience);
    if (part?.rest !== rest || part.step !== step) {
      part = { step, rest, members: this.#read(audience, step, rest) };
      this.#parts.delete(audience);
      const [oldest] = this.#parts.size >= AUDIENCES_MAX ? this.#parts.keys() : [];
      if (oldest !== undefined) this.forget(oldest);
      this.#parts.set(audience, part);
    }
    return part.members.has(member);
  }

  /** For an audience that begins anew. */
  forget(audience: string): void {
    this.#parts.delete(audience);
    this.#partitions.delete(audience);
  }

  /** 0 for an audience that is not there or not finished, which is not remembered. */
  #partitionsOf(audience: string): number {
    const known = this.#partitions.get(audience);
    if (known !== undefined) return known;
    const sql = `SELECT json_extract(record, '$.partitions') AS partitions FROM audiences
      WHERE id = ? AND state = 'finished'`;
    const found = this.#db.row<{ partitions: number }>(sql, audience)?.partitions ?? 0;
    if (found > 0) this.#partitions.set(audience, found);
    return found;
  }

  #read(audience: string, step: number, rest: number): Set<string> {
    const sql = `SELECT recipients FROM audience_pages
      WHERE audience = ? AND partition = ? ORDER BY partition, k`;
    const members = new Set<string>();
    for (let partition = rest; partition < this.#partitionsOf(audience); partition += step) {
      for (const { recipients } of this.#db.rows<{ recipients: string }>(
        sql,
        audience,
        partition,
      )) {
        for (const { member } of JSON.parse(recipients) as { member: string }[]) {
          members.add(member);
        }
      }
    }
    return members;
  }
}
