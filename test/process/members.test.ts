import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Audience } from "../../src/actors/collect/messages.ts";
import type { Member, MemberImport, Preview } from "../../src/actors/members/messages.ts";
import { isRunning } from "../../src/core/task.ts";
import { herald, type NodeProcess, startNode, temporaryFolder } from "./herald.ts";

const CONDITION = { all: [{ attr: "plan", eq: "pro" }, { not: { tag: "internal" } }] };

test("the commands take members from a file to an audience of those who are wanted", async () => {
  const cwd = temporaryFolder();
  const node = await startNode(["--data", join(cwd, "data")]);
  const json = await commands(node, cwd);
  const lines = Array.from({ length: 1_000 }, (_, n) =>
    JSON.stringify({ id: `m-${n}`, attributes: { plan: n % 2 ? "pro" : "free" } }),
  );
  writeFileSync(join(cwd, "members.ndjson"), [...lines, "{"].join("\n"));
  const imported = await json<MemberImport>("members", "import", "members.ndjson");
  expect(imported).toMatchObject({ lines: 1_001, stored: 1_000, invalid: 1 });
  await json("members", "set", "m-1", "age=36", "plan=", "vip=true", "--add-tag", "beta");
  expect(await json<Member>("members", "show", "m-1")).toMatchObject({
    attributes: { age: 36, vip: true },
    tags: ["beta"],
  });
  await json("members", "set", "m-3", "--add-tag", "internal");
  await json("members", "set", "m-5", "--opt-out");

  writeFileSync(join(cwd, "condition.json"), JSON.stringify(CONDITION));
  const preview = await json<Preview>("members", "preview", "@condition.json");
  expect(preview).toMatchObject({ count: 497, excluded: { optedOut: 1 } });
  expect(preview.words).toBe('plan is "pro" and not (tagged internal)');
  const pros = await json<Audience>("audience", "create", "pros", "--condition", "@condition.json");
  expect(pros).toMatchObject({ state: "finished", size: 497, excluded: { optedOut: 1 } });
  writeFileSync(join(cwd, "ids.txt"), "m-7\nm-8\nm-9\n");
  const some = await json<Audience>("audience", "import", "ids.txt");
  expect(some).toMatchObject({ name: "ids", size: 3 });
  const both = ["--intersection", pros.id, some.id];
  expect((await json<Audience>("audience", "create", "both", ...both)).size).toBe(2);
  await node.end("SIGINT");
});

test("a collection that kill -9 interrupts goes on at the next start, nobody twice", async () => {
  const folder = temporaryFolder();
  const data = ["--data", join(folder, "data")];
  let node = await startNode(data);
  const token = node.places.adminToken!;
  const members = 60_000;
  const lines = Array.from({ length: members }, (_, n) => `{"id":"m-${n}"}`).join("\n");
  const uploaded = await fetch(`${node.url}/v1/members`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" },
    body: lines,
  });
  expect(await uploaded.json()).toMatchObject({ stored: members });

  const body = { name: "all", condition: { all: [] }, wait: false };
  const made = (await node.call("POST", "/v1/audiences", token, body)).body as Audience;
  expect(made).toMatchObject({ state: "started", partitions: 4 });
  await node.end("SIGKILL");

  let audience = made;
  for (let starts = 0; isRunning(audience.state) && starts < 5; starts += 1) {
    node = await startNode(data);
    audience = (await node.call("GET", `/v1/audiences/${made.id}`, token)).body as Audience;
    // The first starts are cut short, too; the last one is let be.
    if (starts < 2) await node.end("SIGKILL");
    else audience = await untilAtRest(node, made.id, token);
  }
  expect(audience).toMatchObject({ state: "finished", size: members, partitions: 4 });
  const logPath = `/v1/audiences/${made.id}/log`;
  const log = (await node.call("GET", logPath, token)).body as { items: { to: string }[] };
  expect(log.items.map(({ to }) => to)).toContain("reboot");
  node = starting(node) ?? (await startNode(data));
  const again = { name: "again", condition: { audience: made.id } };
  const same = (await node.call("POST", "/v1/audiences", token, again)).body as Audience;
  expect([same.size, same.hash]).toEqual([members, audience.hash]);
  await node.end("SIGINT");
});

/** The node, if it has not ended. */
function starting(node: NodeProcess): NodeProcess | undefined {
  const { exitCode, signalCode } = node.child;
  return exitCode === null && signalCode === null ? node : undefined;
}

async function untilAtRest(node: NodeProcess, id: string, token: string): Promise<Audience> {
  for (;;) {
    const audience = (await node.call("GET", `/v1/audiences/${id}`, token)).body as Audience;
    if (!isRunning(audience.state)) return audience;
  }
}

/** Runs commands against the node and reads what they print as JSON. */
async function commands(node: NodeProcess, cwd: string) {
  const env = { HERALD_URL: node.url, HERALD_TOKEN: node.places.adminToken! };
  return async <T>(...args: string[]): Promise<T> => {
    const { status, stdout, stderr } = await herald([...args, "--json"], { cwd, env });
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as T;
  };
}
