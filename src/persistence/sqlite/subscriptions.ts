import type { Subscription, SubscriptionStore } from "../ports/subscriptions.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The subscription port's SQL. */
export function subscriptionOperations(db: Database): Synchronous<SubscriptionStore> {
  return {
    subscribe({ member, endpoint, p256dh, auth, at }, perMemberMax) {
      // A new number makes it the newest, also when the endpoint was known.
      const sql = `INSERT OR REPLACE INTO subscriptions (member, endpoint, p256dh, auth, at)
        VALUES (?, ?, ?, ?, ?)`;
      db.run(sql, member, endpoint, p256dh, auth, at);
      const tooMany = `DELETE FROM subscriptions WHERE seq IN (SELECT seq FROM subscriptions
        WHERE member = ? ORDER BY seq DESC LIMIT -1 OFFSET ?)`;
      db.run(tooMany, member, perMemberMax);
    },

    ofMembers(members) {
      const sql = `SELECT s.member, s.endpoint, s.p256dh, s.auth, s.at
        FROM json_each(?) AS wanted JOIN subscriptions AS s ON s.member = wanted.value
        WHERE NOT EXISTS (SELECT 1 FROM suppressions
          WHERE kind = 'address' AND value = s.endpoint)
        ORDER BY s.seq DESC`;
      return db.rows<Subscription>(sql, JSON.stringify([...new Set(members)]));
    },

    unsubscribe(endpoints) {
      const sql = "DELETE FROM subscriptions WHERE endpoint = ?";
      return endpoints.reduce((removed, endpoint) => removed + db.run(sql, endpoint), 0);
    },

    forgetMember: (member) => db.run("DELETE FROM subscriptions WHERE member = ?", member),
  };
}
