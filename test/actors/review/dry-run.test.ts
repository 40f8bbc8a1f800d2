import { describe, expect, test } from "vitest";
import { members, startReview } from "./rig.ts";

const HOUR = 3_600_000;

describe("a dry run", () => {
  test("counts what each rule would drop, by arm and locale, and sends nothing", async () => {
    const rig = startReview();
    const people = members(1_000).map((member, n) => ({
      member,
      vars: { ...(n < 10 ? {} : { name: "Ada" }), locale: n % 2 === 0 ? "de-AT" : "en" },
    }));
    const audience = await rig.audience(people);
    const campaign = await rig.campaign(audience, {
      ...{ payload: { text: "Hello {{name}}" }, locales: { de: { text: "Hallo {{name}}" } } },
      ...{ arms: [{ name: "b", percent: 30, payload: { text: "Hi {{name}}" } }] },
      ...{ controlPercent: 20, rate: 100 },
    });
    const run = await rig.ask({ type: "dry-run", id: campaign.id, by: "t" });
    const { counts, arms, locales } = run;
    expect(counts.recipients).toBe(1_000);
    expect(counts.sent + counts.held + counts.missingVariable).toBe(1_000);
    expect(counts.missingVariable).toBeGreaterThan(0);
    expect(Object.keys(arms).sort()).toEqual(["b", "control", "default"]);
    expect(arms["control"]).toMatchObject({ held: counts.held, sent: 0 });
    expect(arms["b"]!.recipients).toBeGreaterThan(230);
    expect(locales["de"]!.sent).toBeGreaterThan(200);
    expect(rig.simulated.items.length).toBe(counts.sent);
    expect(rig.plain.items).toEqual([]);
    expect(run.missing[0]).toEqual({ member: "m-000000", variable: "name" });
    const samples = new Set(run.samples.map(({ arm, locale }) => `${arm}/${locale}`));
    expect([...samples].sort()).toEqual(["b/default", "default/de", "default/default"]);
    expect(run.etaMs).toBe(counts.sent * 10);
    expect(run.price.afterPauseMax).toBeGreaterThan(0);
    const totals = await rig.stores.campaigns.totals(campaign.id, 1);
    expect(totals).toMatchObject({ settled: 0, inDoubt: 0 });
  });

  test("keeps a certificate of just this audience and message", async () => {
    const rig = startReview();
    const audience = await rig.audience(["a"]);
    const { id } = await rig.campaign(audience);
    const { certificate } = await rig.ask({ type: "dry-run", id, by: "tok_1" });
    expect(certificate).toMatchObject({ campaign: id, audienceHash: audience.hash, by: "tok_1" });
    expect(await rig.stores.campaigns.certificate(id)).toEqual(certificate);
  });

  test("leaves out who opted out or was suppressed after the audience was made", async () => {
    const rig = startReview();
    const { id } = await rig.campaign(await rig.audience(["a", "b", "c"]));
    await rig.stores.members.optOut("a", { optedOut: true, at: 1 });
    const bounced = { kind: "member", value: "b", why: "bounced", by: "t", at: 1 } as const;
    await rig.stores.suppressions.suppress([bounced]);
    const { counts } = await rig.ask({ type: "dry-run", id, by: "t" });
    expect(counts).toMatchObject({ recipients: 3, blocked: 2, sent: 1 });
  });

  test("leaves out whoever has had enough, without counting them again", async () => {
    const rig = startReview();
    const audience = await rig.audience(["a", "b"]);
    const cap = { max: 1, perMs: HOUR };
    const { id } = await rig.campaign(audience, { cap });
    const entries = [{ member: "a", item: "other:1:0/0:0" }];
    await rig.stores.campaigns.takeCaps({ entries, cap, now: rig.clock.now() });
    for (const _ of [1, 2]) {
      const { counts } = await rig.ask({ type: "dry-run", id, by: "t" });
      expect(counts).toMatchObject({ capped: 1, sent: 1 });
    }
  });

  test("knows what is late, and when each time zone begins", async () => {
    const rig = startReview();
    const audience = await rig.audience(["a", "b"]);
    const now = rig.clock.now();
    const late = { at: now - HOUR, maxLatenessMs: HOUR / 2 };
    const past = await rig.campaign(audience, { schedule: late });
    const { counts } = await rig.ask({ type: "dry-run", id: past.id, by: "t" });
    expect(counts).toMatchObject({ late: 2, sent: 0 });
    const soon = { at: now + HOUR, maxLatenessMs: HOUR };
    const next = await rig.campaign(audience, { schedule: soon, rate: 1 });
    const run = await rig.ask({ type: "dry-run", id: next.id, by: "t" });
    expect(run.zones).toEqual([{ zone: "", recipients: 2, opensAt: now + HOUR, isQuiet: false }]);
    expect([run.startsAt, run.endsAt]).toEqual([now + HOUR, now + HOUR + 2_000]);
  });

  test("says that it does not know how long it takes, where it does not", async () => {
    const rig = startReview();
    const { id } = await rig.campaign(await rig.audience(["a"]), { rate: 0 });
    const run = await rig.ask({ type: "dry-run", id, by: "t" });
    expect(run.etaMs).toBe(-1);
    expect(run.pace).toContain("not known");
  });
});

describe("a test send", () => {
  test("goes to the chosen, is marked as a test, and leaves the campaign alone", async () => {
    const rig = startReview();
    const audience = await rig.audience([{ member: "a", vars: { name: "Ada" } }]);
    const payload = { text: "Hello {{name}}" };
    const { id } = await rig.campaign(audience, { payload, controlPercent: 100 });
    const sent = await rig.ask({ type: "send-test", id, members: ["a", "b", "a"], by: "t" });
    expect(sent.map(({ member, status }) => [member, status])).toEqual([
      ["a", "ok"],
      ["b", "missing-variable"],
    ]);
    const [item] = rig.plain.items;
    expect(rig.plain.items.length).toBe(1);
    expect(JSON.parse(item!.payload)).toEqual({ test: { campaign: id }, text: "Hello Ada" });
    expect(item!.id).toMatch(/^test:/);
    const totals = await rig.stores.campaigns.totals(id, 1);
    expect(totals).toMatchObject({ settled: 0, inDoubt: 0 });
  });

  test.each([
    ["a text", "hi", { value: "hi" }],
    ["an empty object", {}, {}],
    ["a list", [1], { value: [1] }],
  ])("marks %s, too", async (_, payload, expected) => {
    const rig = startReview();
    const { id } = await rig.campaign(await rig.audience(["a"]), { payload });
    const [sent] = await rig.ask({ type: "send-test", id, members: ["a"], by: "t" });
    expect(JSON.parse(sent!.payload)).toEqual({ test: { campaign: id }, ...expected });
  });
});
