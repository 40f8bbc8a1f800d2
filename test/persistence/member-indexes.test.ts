import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { type Condition, readCondition } from "../../src/core/condition.ts";
import { MEMBER_BUCKETS } from "../../src/core/member-rules.ts";
import { AudienceMembers } from "../../src/persistence/sqlite/audience-members.ts";
import { compileCondition } from "../../src/persistence/sqlite/condition-sql.ts";
import { Database } from "../../src/persistence/sqlite/database.ts";
import { indexMembers } from "../../src/persistence/sqlite/member-indexes.ts";
import { memberOperations, OPTED_OUT, SUPPRESSED } from "../../src/persistence/sqlite/members.ts";
import { migrate } from "../../src/persistence/sqlite/migrations.ts";

function openIndexed(...attributes: string[]): Database {
  const database = new Database(new DatabaseSync(":memory:"));
  onTestFinished(() => database.close());
  migrate(database);
  memberOperations(database, new AudienceMembers(database));
  indexMembers(database, attributes);
  return database;
}

/** How SQLite goes about counting in one bucket. */
function planOf(database: Database, condition: unknown): string {
  const { sql, params } = compileCondition(readCondition(condition) as Condition, 0);
  const query = `EXPLAIN QUERY PLAN SELECT count(*) FROM members WHERE bucket = ? AND (${sql})`;
  const rows = database.adHocRows<{ detail: string }>(query, 1, ...params);
  return rows.map(({ detail }) => detail).join("\n");
}

test.each<[string, unknown]>([
  ["equality with a text", { attr: "city", eq: "Wien" }],
  ["equality with a number", { attr: "city", eq: 5 }],
  ["equality with true", { attr: "city", eq: true }],
  ["a list", { attr: "city", in: ["Wien", 7] }],
  ["a range of texts", { attr: "city", gte: "A", lt: "C" }],
  ["a range of numbers", { attr: "city", between: [1, 9] }],
  ["a prefix", { attr: "city", prefix: "Wi" }],
  ["a pattern with a beginning", { attr: "city", pattern: "Wi*n" }],
  ["a part of a conjunction", { all: [{ tag: "x" }, { attr: "city", eq: "Wien" }] }],
  [
    "each side of a disjunction",
    {
      any: [
        { attr: "city", eq: "Wien" },
        { attr: "plan.name", eq: "pro" },
      ],
    },
  ],
])("an index answers %s", (_, condition) => {
  const database = openIndexed("city", "plan.name");
  expect(planOf(database, condition)).toMatch(
    /SEARCH members USING (COVERING )?INDEX members_by_attribute_\w+ \(bucket=\? AND <expr>/,
  );
});

test("whether members may be sent to is looked up by id, however many may not", () => {
  const database = openIndexed();
  for (const [sql, table] of [
    [OPTED_OUT, "members"],
    [SUPPRESSED, "suppressions"],
  ] as const) {
    const rows = database.adHocRows<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, "[]");
    const plan = rows.map(({ detail }) => detail).join("\n");
    expect(plan).toMatch(new RegExp(`SEARCH ${table} .*\\(.*=\\?\\)`));
    expect(plan).not.toContain(`SCAN ${table}`);
  }
});

test("without an index the members of the bucket are looked at, and no others", () => {
  const database = openIndexed("plan");
  const plan = planOf(database, { attr: "city", eq: "Wien" });
  expect(plan).toBe("SEARCH members USING PRIMARY KEY (bucket=?)");
});

test("indexes follow what is declared, whatever the names are made of", () => {
  const database = openIndexed("a", "A", "b.c-d");
  const names = () =>
    database
      .rows<{ name: string }>("SELECT name FROM sqlite_schema WHERE name LIKE 'members_by_%'")
      .map(({ name }) => name)
      .sort();
  const suffixes = ["41", "61", "622e632d64"];
  expect(names()).toEqual(suffixes.map((suffix) => `members_by_attribute_${suffix}`));
  indexMembers(database, ["a"]);
  expect(names()).toEqual(["members_by_attribute_61"]);
  expect(() => indexMembers(database, ['x") --'])).toThrow(/not the name of an attribute/);
});

test("no value of a condition becomes part of the statement", () => {
  const evil = "x' OR 1=1 --";
  const condition = readCondition({
    all: [
      { attr: "a", eq: evil, ne: evil, lt: evil, lte: evil, in: [evil], between: [evil, evil] },
      { attr: "a", gte: evil, prefix: evil, pattern: `*${evil}*` },
      { audience: evil },
      { sample: 5, salt: evil },
    ],
  });
  const { sql, params } = compileCondition(condition, 0);
  expect(sql).not.toContain("1=1");
  expect(params.length).toBe(sql.split("?").length - 1);
});

test("a scan looks at a bounded number of members, and comes to all of them", () => {
  const database = openIndexed();
  const insert = `INSERT INTO members (bucket, id, attributes, tags, created_at, updated_at,
    opted_out) VALUES (7, ?, jsonb('{}'), jsonb('{}'), 0, 0, 0)`;
  for (let n = 0; n < 45_000; n += 1) database.run(insert, `m-${String(n).padStart(6, "0")}`);
  const { scan } = memberOperations(database, new AudienceMembers(database));
  const nobody = { condition: readCondition({ tag: "x" }), now: 0 };
  let after: string | undefined;
  const steps: (string | undefined)[] = [];
  do {
    const { members, next } = scan(nobody, { bucket: 7, after, limit: 10 });
    expect(members).toBe("[]");
    steps.push(next);
    after = next;
  } while (after !== undefined);
  expect(steps).toEqual(["m-019999", "m-039999", undefined]);
  expect(MEMBER_BUCKETS).toBe(256);
});
