import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TokenView } from "../../src/actors/access/messages.ts";
import type { Audience, LineError, PageOf } from "../../src/actors/collect/messages.ts";
import type {
  Campaign,
  CampaignProgress,
  CommandAnswer,
} from "../../src/actors/master/messages.ts";
import { Device } from "./device.ts";
import { herald, type NodeProcess, type Ran, startNode, temporaryFolder } from "./herald.ts";

type ErrorBody = { readonly error: { readonly code: string; readonly advice: string } };

test("the commands of the README take an audience through a campaign", async () => {
  const { run, json, cwd, node } = await commandsOn();
  writeFileSync(join(cwd, "members.csv"), "member,name\nu-1,Ada\nu-2,\n,Nobody\nu-1,Ada\n");
  const audience = await json<Audience & { errors: LineError[] }>(
    ...["audience", "import", "members.csv", "--name", "größer ÿ"],
  );
  expect(audience).toMatchObject({ name: "größer ÿ", state: "finished", size: 2, invalid: 1 });
  expect(audience.errors[0]?.line).toBe(4);
  const shown = await run("audience", "show", audience.id);
  expect(shown.stdout).toContain("line 4: ");
  expect((await json<PageOf<Audience>>("audience", "list")).items).toHaveLength(1);

  const campaign = await json<Campaign>(
    ...["campaign", "create", "--name", "hello", "--audience", audience.id, "--rate", "500"],
    ...["--payload", '{"title":"Hello {{name|there}}"}'],
  );
  expect(campaign).toMatchObject({ name: "hello", state: "ready", rate: 500 });
  const credential = await run("token", "create", "--user", "u-1");
  const device = await Device.login(node.places.websocket, credential.stdout.trim());

  const start = ["campaign", "start", campaign.id, "--why", "approved"];
  expect((await run(...start)).stdout).toBe("ready -> started\n");
  const watched = await run("campaign", "watch", campaign.id, "--json");
  expect(watched.status).toBe(0);
  const lines = watched.stdout.trim().split("\n");
  const last = JSON.parse(lines.at(-1)!) as CampaignProgress;
  expect(last).toMatchObject({ state: "finished", sent: 2, ledgerGap: 0 });
  expect(await device.push()).toMatchObject({ payload: { title: "Hello Ada" } });
  await device.ping();

  const after = await run("campaign", "show", campaign.id);
  expect(after.stdout).toContain("ledger (adds up)");
  const listed = await json<PageOf<Campaign>>("campaign", "list", "--state", "finished");
  expect(listed.items.map(({ id }) => id)).toEqual([campaign.id]);
  device.close();
  await node.end("SIGINT");
});

test("a campaign is paused, resumed and stopped, and a command twice changes nothing", async () => {
  const { run, json, cwd, node } = await commandsOn();
  const members = Array.from({ length: 500 }, (_, n) => `u-${n}`).join("\n");
  writeFileSync(join(cwd, "members.csv"), `member\n${members}\n`);
  const { id: audience } = await json<Audience>("audience", "import", "members.csv");
  const { id } = await json<Campaign>(
    ...["campaign", "create", "--name", "slow", "--audience", audience, "--rate", "20"],
    ...["--payload", "{}", "--provider", "null"],
  );
  await json<CommandAnswer>("campaign", "start", id);
  const paused = await json<CommandAnswer>("campaign", "pause", id, "--why", "wait");
  expect(paused).toMatchObject({ before: "started", changed: true, campaign: { state: "pause" } });
  const again = await run("campaign", "pause", id);
  expect(again.stdout).toBe("pause already; nothing changed\n");
  expect((await run("campaign", "resume", id)).stdout).toBe("pause -> started\n");
  expect((await run("campaign", "stop", id)).stdout).toBe("started -> stopped\n");
  const refused = await run("campaign", "resume", id);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("campaign.refused");
  expect(refused.stderr).toContain("stopped");
  await node.end("SIGINT");
});

test("a watch of a node that dies says so and exits with 1", async () => {
  const { run, json, cwd, node } = await commandsOn();
  writeFileSync(join(cwd, "members.csv"), "member\nu-1\nu-2\nu-3\nu-4\n");
  const { id: audience } = await json<Audience>("audience", "import", "members.csv");
  const { id } = await json<Campaign>(
    ...["campaign", "create", "--name", "slow", "--audience", audience, "--rate", "1"],
    ...["--payload", "{}", "--provider", "null"],
  );
  await json<CommandAnswer>("campaign", "start", id);
  const watching = run("campaign", "watch", id);
  const isWatched = /^herald_http_streams 1$/m;
  while (!isWatched.test((await node.call("GET", "/metrics")).text));
  await node.end("SIGKILL");
  const { status, stderr } = await watching;
  expect(status).toBe(1);
  expect(stderr).toContain(`the connection to ${node.url} was lost`);
});

test("lists are tables for people, with a header and a line for each", async () => {
  const { run, json, cwd, node } = await commandsOn();
  writeFileSync(join(cwd, "members.csv"), "member\nu-1\n");
  const { id } = await json<Audience>("audience", "import", "members.csv");
  await run("campaign", "create", "--name", "one", "--audience", id, "--payload", "{}");
  expect((await run("audience", "list")).stdout).toMatch(
    new RegExp(`^id +name +state +size\n${id} +members +finished +1\n$`),
  );
  expect((await run("campaign", "list")).stdout).toMatch(
    /^id +name +state +provider +why\ncmp_\S+ +one +ready +session +created\n$/,
  );
  expect((await run("token", "list")).stdout).toMatch(
    /^id +name +role +created +expires +revoked\ntok_\S+ +made .* +admin +\S+Z +never +never\n$/,
  );
  await run("token", "create", "--role", "viewer", "--name", "second");
  const [, , more] = (await run("token", "list", "--limit", "1")).stdout.split("\n");
  const after = /^\(more with --after (\S+)\)$/.exec(more!)?.[1];
  expect((await run("token", "list", "--after", after!)).stdout).toMatch(/\ntok_\S+ +second /);
  const wrong = await run("token", "list", "--limit", "0", "--after", "nobody");
  expect(wrong.status).toBe(1);
  expect(wrong.stderr).toContain("limit: expected at least 1");
  await node.end("SIGINT");
});

test("what a node refuses is told with its code and what to do, as text and as JSON", async () => {
  const { run, node } = await commandsOn();
  const unknown = await run("campaign", "show", "cmp_nobody");
  expect(unknown.status).toBe(1);
  expect(unknown.stderr).toContain("campaign.unknown");
  expect(unknown.stderr).toContain("List the campaigns");
  const bad = await run("audience", "list", "--json", "--token", `hat_${"x".repeat(43)}`);
  expect(bad.status).toBe(1);
  expect((JSON.parse(bad.stderr) as ErrorBody).error.code).toBe("auth.invalid");
  const invalid = await run(
    ...["campaign", "create", "--name", "x", "--audience", "aud_nobody", "--payload", "{}"],
    ...["--rate", "-1", "--workers", "0"],
  );
  expect(invalid.status).toBe(1);
  expect(invalid.stderr).toContain("rate");
  expect(invalid.stderr).toContain("workers");
  await node.end("SIGINT");
});

test("an API token can do what its role may, until it is revoked", async () => {
  const { run, json, node } = await commandsOn();
  const made = await run("token", "create", "--role", "viewer", "--name", "wall", "--ttl", "1h");
  const token = made.stdout.trim();
  expect(token).toMatch(/^hat_/);
  expect((await run("audience", "list", "--token", token)).status).toBe(0);
  const refused = await run("token", "create", "--role", "admin", "--token", token);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("auth.forbidden");
  expect(refused.stderr).toContain("operator");

  const { items } = await json<PageOf<TokenView>>("token", "list");
  expect(items.map(({ name }) => name)).toEqual(["made at the first start", "wall"]);
  expect((await run("token", "revoke", items[1]!.id)).stdout).toBe("wall: revoked\n");
  const revoked = await run("audience", "list", "--token", token);
  expect(revoked.stderr).toContain("auth.invalid");
  await node.end("SIGINT");
});

test("a token that is refused stops a large upload with the reason", async () => {
  const { run, cwd, node } = await commandsOn();
  const members = Array.from({ length: 300_000 }, (_, n) => `member-number-${n}`).join("\n");
  writeFileSync(join(cwd, "large.csv"), `member\n${members}\n`);
  const token = `hat_${"x".repeat(43)}`;
  const { status, stderr } = await run("audience", "import", "large.csv", "--token", token);
  expect(status).toBe(1);
  expect(stderr).toContain("auth.invalid");
  await node.end("SIGINT");
});

interface Commands {
  readonly node: NodeProcess;
  readonly cwd: string;
  /** Runs a command beside the node, which it finds by the environment and the data folder. */
  readonly run: (...args: string[]) => Promise<Ran>;
  /** Runs it with `--json`; the answer is for the caller to name. */
  readonly json: <T>(...args: string[]) => Promise<T>;
}

async function commandsOn(): Promise<Commands> {
  const cwd = temporaryFolder();
  const node = await startNode([], { cwd });
  const run = (...args: string[]) => herald(args, { cwd, env: { HERALD_URL: node.url } });
  const json = async <T>(...args: string[]): Promise<T> => {
    const { status, stdout, stderr } = await run(...args, "--json");
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as T;
  };
  return { node, cwd, run, json };
}
