import { expect, test } from "vitest";
import { isLink } from "../../src/core/link.ts";

test.each([
  ...["https://example.com/{{name|}}", "HTTP://example.com", "https://{{shop}}.example.com/", "/"],
  ...["/offers?m={{member}}", "my-app://open/{{name|no body}}", "x://y", "mailto:a@example.com"],
])("%s is a link", (link) => {
  expect(isLink(link)).toBe(true);
});

test.each([
  ...["javascript:alert(1)", "JavaScript://%0aalert(1)", "vbscript:x", "data:text/html,x"],
  ...["file:///etc/hosts", "blob:https://example.com/1", "view-source:https://example.com"],
  ...["{{url}}", "{{scheme}}://x", "java{{x}}script:alert(1)", "{{x|https://example.com}}"],
  ...["java\nscript:x", " https://example.com", "https://exa mple.com", "https:\\\\example.com"],
  ...["https:", "https:///x", "https:example.com", "//example.com", "example.com", "", "x:"],
])("%j is none", (link) => {
  expect(isLink(link)).toBe(false);
});
