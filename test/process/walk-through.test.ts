import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { herald, ROOT, startNode, temporaryFolder } from "./herald.ts";

/** The commands of the README's walk-through, as somebody would type them. */
function commands(): string[] {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const section = readme.split("### A campaign, step by step")[1]!;
  const block = section.split("```")[1]!.replace(/^sh\n/, "").replaceAll("\\\n", " ");
  return block.trim().split("\n");
}

/** Splits a line as a shell does, without its comment. */
function words(line: string): string[] {
  const found = line.matchAll(/'([^']*)'|"([^"]*)"|(#.*)|([^\s'"#]+)/g);
  return [...found]
    .filter(([, , , comment]) => comment === undefined)
    .map(([, single, double, , bare]) => single ?? double ?? bare ?? "");
}

test("the walk-through of the README works command by command", async () => {
  const cwd = temporaryFolder();
  cpSync(join(ROOT, "examples"), join(cwd, "examples"), { recursive: true });
  const node = await startNode([], { cwd });
  const ids: Record<string, string> = {};
  const told: Record<string, string> = {};
  for (const line of commands()) {
    const filled = line.replaceAll(/<(\w+) id>/g, (_, what: string) => ids[what]!);
    const [program, ...args] = words(filled);
    expect(program).toBe("./herald");
    const { status, stdout, stderr } = await herald(args, { cwd, env: { HERALD_URL: node.url } });
    expect(status, `${filled}: ${stderr}`).toBe(0);
    ids["audience"] ??= /aud_[\w-]+/.exec(stdout)?.[0] as string;
    ids["campaign"] ??= /cmp_[\w-]+/.exec(stdout)?.[0] as string;
    told[args.slice(0, 2).join(" ")] = stdout;
  }
  expect(told["campaign dry-run"]).toMatch(/would get it +10,000/);
  expect(told["campaign dry-run"]).toMatch(/still sent after a pause, at most +\d/);
  expect(told["campaign test"]).toMatch(/m-00001 +handed/);
  expect(told["campaign pause"]).toBe("started -> pause\n");
  expect(told["campaign edit"]).toMatch(/version +2/);
  expect(told["campaign resume"]).toBe("pause -> started\n");
  expect(told["campaign log"]).toMatch(/ready +started +1 .*approved/);
  expect(told["campaign why"]).toContain("m-00001 ");
  expect(told["campaign export"]).toContain("10,001 lines written to results.csv");
  const [header, ...rows] = readFileSync(join(cwd, "results.csv"), "utf8").trim().split("\r\n");
  expect([header?.split(",")[0], rows.length]).toEqual(["member", 10_000]);
  await node.end("SIGINT");
});

test("what a campaign's questions answer is JSON with --json", async () => {
  const cwd = temporaryFolder();
  const node = await startNode([], { cwd });
  const run = async (...args: string[]) => {
    const options = { cwd, env: { HERALD_URL: node.url } };
    const { status, stdout, stderr } = await herald([...args, "--json"], options);
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  const token = node.places.adminToken;
  const list = { name: "two", members: ["a", "b"] };
  const audience = await node.call("POST", "/v1/audiences", token, list);
  const { id: aud } = audience.body as { id: string };
  const create = ["campaign", "create", "--name", "x", "--audience", aud, "--provider", "null"];
  const { id } = await run(...create, "--payload", '"hi"');
  expect((await run("campaign", "dry-run", id)).counts.sent).toBe(2);
  expect((await run("campaign", "test", id, "a", "z")).items).toHaveLength(2);
  expect((await run("campaign", "why", id, "z")).inAudience).toBe(false);
  expect((await run("campaign", "unknown", id)).items).toEqual([]);
  const settled = await run("campaign", "unknown", id, "--resolve", "give-up", "--why", "x");
  expect(settled).toMatchObject({ refused: 0, more: false });
  const wrong = await herald(["campaign", "why", "cmp_none", "a"], {
    ...{ cwd, env: { HERALD_URL: node.url } },
  });
  expect(wrong.stderr).toContain("campaign.unknown");
  await node.end("SIGINT");
});

test("a campaign that demands a dry run starts after one, and not after an edit", async () => {
  const node = await startNode([]);
  const token = node.places.adminToken;
  const call = async (method: string, path: string, body?: unknown) => {
    const { status, body: answer } = await node.call(method, path, token, body);
    return { status, answer: answer as { id: string; error?: { code: string } } };
  };
  const list = { name: "two", members: ["a", "b"] };
  const { id: audience } = (await call("POST", "/v1/audiences", list)).answer;
  const spec = { name: "x", audience, provider: "null", payload: "hi", requireDryRun: true };
  const { id } = (await call("POST", "/v1/campaigns", spec)).answer;
  const path = `/v1/campaigns/${id}`;
  const early = await call("POST", `${path}/start`, {});
  expect([early.status, early.answer.error?.code]).toEqual([409, "campaign.refused"]);
  await call("POST", `${path}/dry-run`);
  await call("PATCH", path, { payload: "hello" });
  expect((await call("POST", `${path}/start`, {})).status).toBe(409);
  await call("POST", `${path}/dry-run`);
  expect((await call("POST", `${path}/start`, {})).status).toBe(200);
  await node.end("SIGINT");
});
