import { describe, expect, test } from "vitest";
import type { UnknownRecipient } from "../../../src/actors/review/messages.ts";
import type { CampaignState } from "../../../src/persistence/ports/campaign.ts";
import { members, type ReviewRig, startReview, unknown } from "./rig.ts";

/** Three pages: members 0 to 4 and 1 200 to 1 299 of the list are unknown. */
async function inDoubt(rig: ReviewRig, provider = "plain", state: CampaignState = "pause") {
  const audience = await rig.audience(members(2_500));
  const campaign = await rig.campaign(audience, { provider }, state);
  await rig.journal(campaign, { k: 0 }, { done: 1_000, ...doubts(0, 5) });
  await rig.journal(campaign, { k: 1 }, { done: 1_000, ...doubts(200, 300) });
  await rig.journal(campaign, { k: 2 }, { done: 500 });
  return campaign;
}

function doubts(from: number, to: number) {
  return { counts: { unknown: to - from }, exceptions: [unknown(from, to)] };
}

async function all(rig: ReviewRig, id: string, limit: number): Promise<UnknownRecipient[]> {
  const items: UnknownRecipient[] = [];
  for (let after: string | undefined; ; ) {
    const page = await rig.ask({ type: "list-unknown", id, request: { after, limit } });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    after = page.next;
    if (after === undefined) return items;
  }
}

describe("those who may or may not have got it", () => {
  test.each([1, 7, 50, 100, 1_000])("are listed once each, %i at a time", async (limit) => {
    const rig = startReview();
    const { id } = await inDoubt(rig);
    const listed = await all(rig, id, limit);
    const expected = [...members(5), ...members(1_300).slice(1_200)];
    expect(listed.map(({ member }) => member)).toEqual(expected);
    expect(listed.every(({ state }) => state === "unknown")).toBe(true);
  });

  test("come with what can be done, and whether sending again is harmless", async () => {
    const rig = startReview();
    const means = async (provider: string) => {
      const { id } = await inDoubt(rig, provider);
      const [first] = await all(rig, id, 1_000);
      return first!.can.find((it) => it.do === "resolve-resend")!.means;
    };
    expect(await means("plain")).toContain("gets it a second time");
    expect(await means("keyed")).toContain("no second message");
  });

  test("are settled as delivered, and repeating it changes nothing", async () => {
    const rig = startReview();
    const { id } = await inDoubt(rig);
    const question = { type: "resolve-unknown", id, as: "delivered", why: "x", by: "t" } as const;
    const done = { as: "delivered", delivered: 105, refused: 0, unknown: 0 };
    expect(await rig.ask(question)).toEqual({ ...done, notUnknown: 0, more: false });
    expect(await all(rig, id, 100)).toEqual([]);
    const { counts } = await rig.stores.campaigns.totals(id, 1);
    expect(counts).toMatchObject({ delivered: 105, unknown: 0 });
    expect(await rig.ask(question)).toMatchObject({ delivered: 0, more: false });
  });

  test("are given up one by one, with who said why; others are left alone", async () => {
    const rig = startReview();
    const { id } = await inDoubt(rig);
    const [first, , , , , sixth] = members(6);
    const members2 = [first!, sixth!, first!];
    const given = { type: "resolve-unknown", id, as: "give-up", why: "moved", by: "t" } as const;
    const answer = await rig.ask({ ...given, members: members2 });
    expect(answer).toMatchObject({ refused: 1, notUnknown: 1 });
    const why = await rig.ask({ type: "ask-why", id, member: first! });
    expect(why.outcome).toMatchObject({ state: "refused", rule: "operator", reason: "moved" });
    expect((await all(rig, id, 1_000)).length).toBe(104);
    const stranger = rig.ask({ ...given, members: ["nobody"] });
    await expect(stranger).rejects.toMatchObject({ code: "member.unknown" });
  });

  test("are sent again under the ids that they had, and settled by the answer", async () => {
    const rig = startReview();
    const { id } = await inDoubt(rig, "keyed");
    const again = { type: "resolve-unknown", id, as: "resend", why: "again", by: "t" } as const;
    const some = { ...again, members: members(4) };
    expect(await rig.ask(some)).toMatchObject({ delivered: 4, unknown: 0, notUnknown: 0 });
    expect(rig.keyed.items.map((item) => item.id)).toEqual(
      [0, 1, 2, 3].map((n) => `${id}:1:0/0:${n}`),
    );
    expect(rig.keyed.items[0]).toMatchObject({ member: "m-000000", topic: "news" });
    rig.keyed.answer = { status: "unknown", reason: "no answer" };
    expect(await rig.ask(again)).toMatchObject({ delivered: 0, unknown: 101 });
    rig.keyed.answer = { status: "invalid", reason: "no such address" };
    expect(await rig.ask(again)).toMatchObject({ refused: 101, more: false });
    expect(await all(rig, id, 1_000)).toEqual([]);
  });

  test("include the windows that a run that is over has left open", async () => {
    const rig = startReview();
    const audience = await rig.audience(members(10));
    const campaign = await rig.campaign(audience, {}, "stopped");
    await rig.journal(campaign, {}, { done: 2, intent: 4 });
    const page = { type: "list-unknown", id: campaign.id, request: { limit: 10 } } as const;
    const { items } = await rig.ask(page);
    expect(items.map(({ member, state }) => [member, state])).toEqual([
      ["m-000002", "in-doubt"],
      ["m-000003", "in-doubt"],
    ]);
    const question = { type: "resolve-unknown", as: "resend", why: "x", by: "t" } as const;
    expect(await rig.ask({ ...question, id: campaign.id })).toMatchObject({ delivered: 0 });
    expect(rig.plain.items).toEqual([]);
  });

  test("a cursor of something else is refused", async () => {
    const rig = startReview();
    const { id } = await inDoubt(rig);
    const request = { after: "nonsense", limit: 1 };
    const question = rig.ask({ type: "list-unknown", id, request });
    await expect(question).rejects.toMatchObject({ code: "store.cursor" });
    const results = rig.ask({ type: "read-results", id, after: "nonsense" });
    await expect(results).rejects.toMatchObject({ code: "store.cursor" });
  });
});
