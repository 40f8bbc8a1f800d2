import { expect, test } from "vitest";
import { eventWords } from "../../../src/gateways/http/devices/words.ts";
import { CLOSE_CODES } from "../../../src/gateways/protocol/close-codes.ts";

const closed = (reason: string): string =>
  eventWords({ type: "closed", session: "s", device: "phone", reason, message: undefined });

test("every reason for which a connection is closed has words of its own", () => {
  const words = Object.entries(CLOSE_CODES).map(([reason, code]) => {
    const suffix = ` (${reason}, close code ${code})`;
    expect(closed(reason)).toContain(suffix);
    return closed(reason).replace(suffix, "").replace("the connection of phone ended: ", "");
  });
  expect(new Set(words).size).toBe(Object.keys(CLOSE_CODES).length);
  for (const text of words) expect(text.split(" ").length).toBeGreaterThan(2);
});
