import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import { parseConfig } from "../../src/core/config.ts";
import { webhookSettings, webPushSettings } from "../../src/core/config-providers.ts";
import { RECEIPT_STATUSES } from "../../src/core/receipt.ts";
import { secretKey, signRequest } from "../../src/core/signature.ts";
import { newVapidKeys } from "../../src/core/web-push.ts";
import type { PostOutcome } from "../../src/providers/post.ts";
import type { ProviderItem } from "../../src/providers/provider.ts";
import { browserResultOf } from "../../src/providers/web-push/answer.ts";
import { contentOf, payloadProblems } from "../../src/providers/web-push/content.ts";
import { resultsOf } from "../../src/providers/webhook/answer.ts";

const page = readFileSync(new URL("../../docs/providers.md", import.meta.url), "utf8");

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(
    ([, it]) => it!,
  );
}

const item: ProviderItem = {
  ...{ id: "cmp_1:1:0/7:42", member: "ann", topic: "t", payload: "1", ack: true, expiresAt: 0 },
};

function statusFor(outcome: PostOutcome): string {
  const { status, cause } = resultsOf([item], outcome, 0)[0]!;
  return cause ?? status;
}

const answered = (status: number, retryAfter?: string): PostOutcome => ({
  ...{ type: "answered", status, retryAfter, body: Buffer.from("") },
});

interface Request {
  readonly headers: object;
  readonly body: string | Uint8Array;
  readonly secret: string;
  readonly now?: number;
}

test("the verification on the page takes what Herald signs, and nothing else", async () => {
  const [code] = blocks("js");
  const module = `data:text/javascript,${encodeURIComponent(code!)}`;
  const { isGenuine } = (await import(module)) as { isGenuine: (it: Request) => boolean };
  const [old, secret] = [1, 2].map((n) => `whsec_${Buffer.alloc(32, n).toString("base64")}`);
  const body = Buffer.from('{"items":["ü🎉"]}');
  const keys = [secretKey(old!), secretKey(secret!)];
  const now = 1_764_000_000_000;
  const headers = signRequest({ id: "batch_1", at: now }, body, keys);
  const check = (changes: Partial<Request>) =>
    isGenuine({ headers, body, secret: secret!, now, ...changes });
  expect([check({}), check({ secret: old! }), check({ now: now + 299_000 })]).toEqual([
    ...[true, true, true],
  ]);
  const other = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
  const wrong: Partial<Request>[] = [
    { body: Buffer.from('{"items":[]}') },
    { secret: other },
    { now: now + 301_000 },
    { headers: { ...headers, "webhook-id": "batch_2" } },
    { headers: { ...headers, "webhook-signature": "v1,AAAA" } },
    { headers: {} },
  ];
  for (const changes of wrong) expect(check(changes), JSON.stringify(changes)).toBe(false);
});

test("the example of a configuration is valid but for its secret", () => {
  const secret = `whsec_${Buffer.alloc(32).toString("base64")}`;
  const document = parseDocument(blocks("yaml")[0]!.replace("whsec_...", secret)).toJS();
  expect(parseConfig(document, {}).providers.webhook).toMatchObject([{ name: "crm" }]);
});

const [aboutWebhooks, aboutWebPush] = page.split("\n## Web push\n") as [string, string];

test.each([
  ["a webhook", aboutWebhooks, webhookSettings],
  ["web push", aboutWebPush, webPushSettings],
] as const)("every value of %s has a row with its default", (_, section, settings) => {
  for (const [name, schema] of Object.entries(settings.shape)) {
    const row = section.split("\n").find((line) => line.startsWith(`| \`${name}\` |`));
    const fallback = (schema as { def: { defaultValue?: unknown } }).def.defaultValue;
    const told = row?.split("|")[3]?.trim().replaceAll(/[` ]/g, "");
    if (Array.isArray(fallback)) expect(told, name).toMatch(/\w/);
    else expect(told, name).toBe(fallback === undefined ? "" : String(fallback));
  }
});

test("the examples of web push are a configuration and a payload that are taken", () => {
  const { privateKey } = newVapidKeys();
  const document = parseDocument(blocks("yaml")[1]!.replace("...", privateKey)).toJS();
  expect(parseConfig(document, {}).providers.webPush).toMatchObject({ privateKey });
  const payload: unknown = JSON.parse(blocks("json")[2]!);
  expect(payloadProblems(payload, "payload")).toEqual([]);
  const content = contentOf(blocks("json")[2]!, "cmp_1:1:0/0:1");
  expect(content).toMatchObject({ urgency: "high", topic: "catalog" });
});

test("each status of a push service is taken as the page says", () => {
  const rows = aboutWebPush.split("\n").filter((line) => /^\| \d{3}/.test(line));
  const statuses = rows.map((row) => row.split("|")[1]!.match(/\d{3}/g)!.map(Number));
  const [taken, gone, busy, later, doubt] = statuses as [
    number[],
    number[],
    number[],
    number[],
    number[],
  ];
  for (let status = 200; status < 600; status += 1) {
    const known = [
      [taken, "ok"],
      [gone, "invalid"],
      [busy, "throttled"],
      [later, "retry"],
      [doubt, "unknown"],
    ] as const;
    const row = known.find(([list]) => list.includes(status))?.[1];
    const isRefused = status >= 300 && status < 500;
    const expected = row ?? (isRefused ? "refused" : "unknown");
    const found = browserResultOf(answered(status), 0).status;
    expect(found, `${status}`).toBe(expected);
  }
});

test("the example of an answer is read as it says", () => {
  const [request, answer] = blocks("json");
  expect(JSON.parse(request!).items[0].id).toBe(item.id);
  const body = Buffer.from(answer!);
  const items = [item, { ...item, id: "cmp_1:1:0/7:43" }];
  const results = resultsOf(items, { ...answered(200), body } as PostOutcome, 0);
  expect(results.map(({ status }) => status)).toEqual(["ok", "invalid"]);
});

test("each status that the page names is taken as it says, and any other is in doubt", () => {
  const rowOf = (text: string) => aboutWebhooks.split("\n").find((line) => line.includes(text))!;
  const numbers = (text: string) => rowOf(text).split("|")[1]!.match(/\d{3}/g)!.map(Number);
  const misdirected = numbers("the configuration is wrong");
  const refused = numbers("refused, all of them");
  for (let status = 300; status < 600; status += 1) {
    const expected = misdirected.includes(status)
      ? "unreachable"
      : refused.includes(status)
        ? "refused"
        : status === 429
          ? "busy"
          : "unknown";
    expect(statusFor(answered(status)), `${status}`).toBe(expected);
  }
  expect(statusFor(answered(503, "1"))).toBe("busy");
});

test("the statuses of receipts stand in the order of their rank", () => {
  const listed = RECEIPT_STATUSES.map((status) => `\`${status}\``).join(", ");
  expect(page).toContain(listed.replace(/, (`\w+`)$/, " or $1"));
});
