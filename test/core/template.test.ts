import { expect, test } from "vitest";
import { compileTemplate, type Variables } from "../../src/core/template.ts";

function render(payload: unknown, member: string, variables?: Variables): unknown {
  const template = compileTemplate(payload);
  if (!template.ok) throw template.error;
  const rendered = template.value(member, variables);
  return rendered.ok ? JSON.parse(rendered.text) : `missing ${rendered.missing}`;
}

function problems(payload: unknown): string[] {
  const template = compileTemplate(payload);
  return template.ok ? [] : template.error.problems.map(({ path, got }) => `${path}: ${got}`);
}

test("a payload without variables comes out as it went in, encoded once for everybody", () => {
  const payload = { text: 'é "q" {x} }}', list: [1, null, true, { deep: [] }], n: -1.5e9 };
  expect(render(payload, "ann")).toEqual(payload);
  const template = compileTemplate(payload);
  if (!template.ok) throw template.error;
  expect(template.value("a", undefined)).toBe(template.value("b", { x: "1" }));
});

test("variables are filled in, wherever a string is", () => {
  const payload = { a: ["{{name}} and {{ city }}"], b: { c: "{{name}}{{name}}" }, n: 1 };
  expect(render(payload, "ann", { name: "Ann", city: "Bern" })).toEqual({
    a: ["Ann and Bern"],
    b: { c: "AnnAnn" },
    n: 1,
  });
});

test("the member is always there, and cannot be taken over by a variable", () => {
  expect(render({ to: "{{member}}" }, "ann")).toEqual({ to: "ann" });
  expect(render({ to: "{{member}}" }, "ann", { member: "eve" })).toEqual({ to: "ann" });
});

test("a fallback takes the place of a missing variable, and may be empty", () => {
  expect(render("Hi {{name|my friend}}!", "a")).toBe("Hi my friend!");
  expect(render("Hi {{name|}}!", "a", {})).toBe("Hi !");
  expect(render("Hi {{name|x}}!", "a", { name: "Bo" })).toBe("Hi Bo!");
});

test("a missing variable without a fallback is named", () => {
  expect(render({ a: "{{name}}" }, "a", { other: "x" })).toBe("missing name");
  expect(render({ a: "{{toString}}" }, "a", {})).toBe("missing toString");
});

test("values cannot break out of their string, whatever they hold", () => {
  for (const value of [
    '"',
    "\\",
    '","x":"y',
    "\n\r\t\u0000",
    "{{member}}",
    "\u2028é👍",
    "\ud800",
  ]) {
    expect(render({ a: "<{{v}}>" }, "m", { v: value })).toEqual({ a: `<${value}>` });
  }
});

test("a malformed placeholder is refused with its place", () => {
  expect(problems({ a: "{{name" })).toEqual(["payload.a: {{name"]);
  expect(problems({ a: { b: ["x", "{{}}"] } })).toEqual(["payload.a.b.1: {{}}"]);
  expect(problems(["{{a}} {{b} c"])).toEqual(["payload.0: {{b} c"]);
});

test("a payload that is nested too deep is refused", () => {
  let payload: unknown = "x";
  for (let depth = 0; depth < 70; depth += 1) payload = [payload];
  expect(problems(payload).length).toBe(1);
});
