import { describe, expect, test } from "vitest";
import type { PageException } from "../../../src/persistence/ports/campaign.ts";
import { members, startReview, unknown } from "./rig.ts";

const refused: PageException = {
  ...{ from: 2, to: 3, status: "refused", rule: "provider", reason: "blocked", providerId: "p-9" },
};

describe("why did or didn't they get it?", () => {
  test("everybody of a large audience is found, and nobody else", async () => {
    const rig = startReview();
    const all = members(50_000);
    const audience = await rig.audience(all);
    expect(audience.partitions).toBeGreaterThan(1);
    const campaign = await rig.campaign(audience);
    const before = rig.stores.operations()["audiences.page"] ?? 0;
    for (const member of [all[0]!, all[24_999]!, all[49_999]!, all[31_337]!]) {
      const why = await rig.ask({ type: "ask-why", id: campaign.id, member });
      expect(why).toMatchObject({ inAudience: true, outcome: { member, state: "untouched" } });
    }
    const reads = (rig.stores.operations()["audiences.page"] ?? 0) - before;
    expect(reads).toBeLessThan(4 * 12);
    for (const member of ["a", "zz", "m-0000001", "ü"]) {
      const why = await rig.ask({ type: "ask-why", id: campaign.id, member });
      expect(why).toMatchObject({ inAudience: false, can: [] });
      expect(why.answer).toContain("is not in the audience everybody");
    }
    await rig.stores.members.optOut("zz", { optedOut: true, at: 1 });
    const { answer } = await rig.ask({ type: "ask-why", id: campaign.id, member: "zz" });
    expect(answer).toMatch(/^zz is not in the audience everybody \(\w+\); they opted out$/);
  });

  test("each part of a page has its own answer", async () => {
    const rig = startReview();
    const audience = await rig.audience(members(6));
    const campaign = await rig.campaign(audience);
    await rig.journal(campaign, {}, { done: 4, intent: 5, exceptions: [refused, unknown(3, 4)] });
    const why = async (n: number) =>
      rig.ask({ type: "ask-why", id: campaign.id, member: members(6)[n]! });
    const states = await Promise.all(
      [0, 2, 3, 4, 5].map(async (n) => (await why(n)).outcome?.state),
    );
    expect(states).toEqual(["delivered", "refused", "unknown", "in-doubt", "untouched"]);
    expect((await why(0)).answer).toBe("m-000000 got it: plain confirmed it");
    expect(await why(2)).toMatchObject({
      answer: "m-000002 was given up by provider: blocked",
      outcome: { page: "0/0", index: 2, version: 1, providerId: "p-9" },
      page: { size: 6, done: 4, intent: 5 },
      can: [],
    });
    const doubtful = await why(3);
    expect(doubtful.answer).toContain("may have got it: in doubt since crash");
    expect(doubtful.can.map((it) => it.do)).toEqual([
      "resolve-delivered",
      "resolve-resend",
      "resolve-give-up",
    ]);
    expect((await why(5)).can).toEqual([{ do: "wait", means: "the campaign is running" }]);
  });

  test("what went to an inbox is followed to where it ended", async () => {
    const rig = startReview();
    const audience = await rig.audience(["a", "b", "c"]);
    const campaign = await rig.campaign(audience, { provider: "session" });
    const key = await rig.journal(campaign, {}, { done: 3 });
    const items = ["a", "b"].map((user, index) => ({
      ...{ user, id: `${key.campaign}:1:0/0:${index}`, ledger: `campaign:${key.campaign}:1` },
      ...{ topic: "t", payload: "1", ack: true, expiresAt: 9e15 },
    }));
    await rig.stores.inbox.append(items);
    await rig.stores.inbox.settle([{ user: "a", offset: 1, outcome: "acked" }], 1_000);
    const why = (member: string) => rig.ask({ type: "ask-why", id: campaign.id, member });
    expect(await why("a")).toMatchObject({ inbox: { state: "acked", at: 1_000 } });
    expect((await why("a")).answer).toContain("their device confirmed it (1970-01-01T00:00:01");
    expect((await why("b")).answer).toContain("in their inbox it waits for a device");
    expect((await why("c")).inbox).toBeUndefined();
  });

  test("what the provider told later is part of the answer", async () => {
    const rig = startReview();
    const audience = await rig.audience(["a"]);
    const campaign = await rig.campaign(audience);
    await rig.journal(campaign, {}, { done: 1, exceptions: [unknown(0, 1)] });
    const told = { status: "delivered", part: 0, at: 5, reason: "" } as const;
    const receipt = { provider: "plain", message: `${campaign.id}:1:0/0:0`, ...told };
    await rig.stores.receipts.apply([receipt], 6);
    const why = await rig.ask({ type: "ask-why", id: campaign.id, member: "a" });
    expect(why.receipts).toEqual([receipt]);
    expect(why.outcome?.receipt).toBe("delivered");
    expect(why.answer).toContain("plain says: delivered");
  });

  test("the control group gets nothing, and is told so", async () => {
    const rig = startReview();
    const audience = await rig.audience(members(40));
    const campaign = await rig.campaign(audience, { controlPercent: 50 });
    await rig.journal(campaign, {}, { done: 40 });
    const states = new Set<string>();
    for (const member of members(40)) {
      const { outcome, answer } = await rig.ask({ type: "ask-why", id: campaign.id, member });
      states.add(outcome!.state);
      if (outcome!.state !== "held") continue;
      expect(outcome).toMatchObject({ arm: "control", rule: "control" });
      expect(answer).toContain("is in the control group");
    }
    expect([...states].sort()).toEqual(["delivered", "held"]);
  });

  test("a campaign that was never started says so, and an unknown one is an error", async () => {
    const rig = startReview();
    const audience = await rig.audience(["a"]);
    const campaign = await rig.campaign(audience);
    const why = await rig.ask({ type: "ask-why", id: campaign.id, member: "a", epoch: 0 });
    expect(why.answer).toContain("has never been started");
    const question = { type: "ask-why", id: "cmp_none", member: "a" } as const;
    await expect(rig.ask(question)).rejects.toMatchObject({ code: "campaign.unknown" });
  });
});
