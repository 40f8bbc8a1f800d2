import { expect, test } from "vitest";
import { parseConfig } from "../../src/core/config.ts";
import { shownConfig } from "../../src/core/config-shown.ts";

test("a configuration is shown as it is, but for its secrets", () => {
  const mine = `mine-${"x".repeat(40)}`;
  const config = parseConfig({ auth: { secret: mine }, inbox: { perUserMax: 7 } }, {});
  const shown = shownConfig(config);
  expect(JSON.stringify(shown)).not.toContain(mine);
  expect(shown).toMatchObject({
    ...{ auth: { secret: "(hidden)", publicKeys: [] }, inbox: { perUserMax: 7 } },
  });
});

test("secrets in lists and in addresses are left out, too", () => {
  const shown = shownConfig({
    webhook: [
      { name: "crm", secrets: ["whsec_mine"], url: "https://me:mine@example.com/a?k=mine" },
    ],
    keys: [{ pem: "mine" }],
    headers: { authorization: "mine" },
    url: "https://example.com/a",
    tokensMax: 3,
  });
  expect(JSON.stringify(shown)).not.toContain("mine");
  expect(shown).toMatchObject({
    ...{ webhook: [{ name: "crm", secrets: "(hidden)", url: "https://example.com/a (hidden)" }] },
    ...{ url: "https://example.com/a", tokensMax: 3 },
  });
});
