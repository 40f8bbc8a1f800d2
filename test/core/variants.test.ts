import { expect, test } from "vitest";
import { price, windowFor } from "../../src/core/price.ts";
import { armOf, compileMessage, type MessageSpec, templateHash } from "../../src/core/variants.ts";

function compiled(spec: MessageSpec) {
  const message = compileMessage(spec);
  if (!message.ok) throw message.error;
  return message.value;
}

function textFor(spec: MessageSpec, member: string, vars?: Record<string, string>): unknown {
  const { template } = compiled(spec).choose("c1", member, vars);
  const rendered = template?.(member, vars);
  return rendered?.ok ? JSON.parse(rendered.text) : rendered;
}

test("members are split by a stable hash in about the shares that were asked for", () => {
  const spec = {
    arms: [
      { name: "a", percent: 33.3 },
      { name: "b", percent: 33.3 },
    ],
    controlPercent: 10,
  };
  const counts: Record<string, number> = {};
  for (let n = 0; n < 50_000; n += 1) {
    const arm = armOf(spec, "c1", `member-${n}`);
    counts[arm] = (counts[arm] ?? 0) + 1;
    expect(armOf(spec, "c1", `member-${n}`)).toBe(arm);
  }
  for (const [arm, percent] of [
    ["a", 33.3],
    ["b", 33.3],
    ["control", 10],
    ["default", 23.4],
  ] as const) {
    expect(counts[arm]! / 500, arm).toBeCloseTo(percent, -0.5);
  }
});

test("a member's arm in one campaign says nothing about the one in another", () => {
  const spec = { controlPercent: 50 };
  let both = 0;
  for (let n = 0; n < 10_000; n += 1) {
    const held = (campaign: string) => armOf(spec, campaign, `m${n}`) === "control";
    if (held("c1") && held("c2")) both += 1;
  }
  expect(both / 100).toBeCloseTo(25, -0.5);
});

test("a member's locale chooses exactly that variant, its language, or the default", () => {
  const spec = { payload: { t: "hi" }, locales: { "pt-BR": { t: "oi" }, de: { t: "hallo" } } };
  expect(textFor(spec, "m", { locale: "pt-BR" })).toEqual({ t: "oi" });
  expect(textFor(spec, "m", { locale: "PT_br" })).toEqual({ t: "oi" });
  expect(textFor(spec, "m", { locale: "pt" })).toEqual({ t: "hi" });
  expect(textFor(spec, "m", { locale: "de-AT" })).toEqual({ t: "hallo" });
  expect(textFor(spec, "m", { locale: "constructor" })).toEqual({ t: "hi" });
  expect(textFor(spec, "m")).toEqual({ t: "hi" });
});

test("an arm has its own payload, or says what the others do", () => {
  const arms = [
    { name: "own", percent: 50, payload: { t: "own" } },
    { name: "same", percent: 50 },
  ];
  const spec = { payload: { t: "hi" }, locales: { de: { t: "hallo" } }, arms };
  const said = new Map<string, Set<string>>();
  for (let n = 0; n < 200; n += 1) {
    const arm = armOf(spec, "c1", `m${n}`);
    const text = JSON.stringify(textFor(spec, `m${n}`, { locale: "de" }));
    said.set(arm, (said.get(arm) ?? new Set()).add(text));
  }
  expect([...said.get("own")!]).toEqual(['{"t":"own"}']);
  expect([...said.get("same")!]).toEqual(['{"t":"hallo"}']);
});

test("the control group gets nothing", () => {
  const message = compiled({ payload: "hi", controlPercent: 100 });
  expect(message.choose("c1", "m", undefined)).toMatchObject({ arm: "control" });
  expect(message.choose("c1", "m", undefined).template).toBeUndefined();
});

test("a link is a template in the field link of every payload", () => {
  const spec = { payload: { t: "hi" }, locales: { de: { t: "hallo" } }, link: "x://{{member}}" };
  expect(textFor(spec, "m1")).toEqual({ t: "hi", link: "x://m1" });
  expect(textFor(spec, "m2", { locale: "de" })).toEqual({ t: "hallo", link: "x://m2" });
});

test("everything that is wrong with a message is named at once", () => {
  const message = compileMessage({
    payload: "{{",
    locales: { de: { t: "{{}}" }, DE: "twice" },
    link: "x://y",
    arms: [
      { name: "control", percent: 60 },
      { name: "a", percent: 0 },
      { name: "a", percent: 50, payload: [1] },
    ],
  });
  expect(message.ok).toBe(false);
  const paths = message.ok ? [] : message.error.problems.map(({ path }) => path);
  expect(new Set(paths)).toEqual(
    new Set([
      ...["arms.0.name", "arms.1.percent", "arms.2.name", "arms", "arms.2.payload"],
      ...["payload", "locales.DE", "locales.de.t"],
    ]),
  );
});

test("the hash of a message changes with what members see, and with nothing else", () => {
  const spec = { topic: "t", payload: { a: 1, b: [{ c: "x", d: null }] } };
  const hash = templateHash(spec);
  const same = { payload: { b: [{ d: null, c: "x" }], a: 1 }, topic: "t", link: undefined };
  expect(templateHash(same)).toBe(hash);
  expect(templateHash({ ...spec, rate: 5 } as typeof spec)).toBe(hash);
  expect(templateHash({ ...spec, link: "x" } as typeof spec)).not.toBe(hash);
  expect(templateHash({ ...spec, payload: { a: 1, b: [{ c: "x", d: 0 }] } })).not.toBe(hash);
  expect(templateHash({ ...spec, topic: "u" })).not.toBe(hash);
});

test("a price says what a guarantee costs and leaves open", () => {
  const spec = { rate: 0, workers: 4, window: 200, inFlight: 2, guarantee: "key" } as const;
  expect(price(spec)).toMatchObject({ inDoubtMax: 1_600, afterPauseMax: 1_600 });
  expect(price(spec).operationsPerMessage).toBeCloseTo(0.009, 3);
  expect(price({ ...spec, cap: {} }).operationsPerMessage).toBeCloseTo(0.014, 3);
  expect(price({ ...spec, window: 10_000 }).inDoubtMax).toBe(8_000);
  expect(price({ ...spec, rate: 100 }).inDoubtMax).toBe(4 * 2 * 5);
  expect(windowFor(100, 200)).toBe(5);
});
