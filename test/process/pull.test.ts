import { join } from "node:path";
import { expect, test } from "vitest";
import type {
  Audience,
  AudienceProgress,
  PageOf,
  TaskTransition,
} from "../../src/actors/collect/messages.ts";
import { type Answer, byCursor, memberServer } from "../fixtures/member-server.ts";
import { herald, startNode, temporaryFolder } from "./herald.ts";

const MEMBERS = Array.from({ length: 5_000 }, (_, n) => ({ id: `m-${n}`, city: `T${n % 7}` }));
const PAGE = 100;

test("a pull that kill -9 interrupts goes on at its page, and nobody comes twice", async () => {
  const cwd = temporaryFolder();
  let hold = Number.POSITIVE_INFINITY;
  let held: (() => void) | undefined;
  const serve = byCursor(MEMBERS, PAGE);
  const server = await memberServer((url): Answer => {
    const page = Number(url.searchParams.get("cursor") ?? 0) / PAGE;
    // Without an answer, so that the node is killed while it waits.
    return page === hold ? () => held?.() : serve(url);
  });
  const data = ["--data", join(cwd, "data")];
  const options = { cwd, env: { HERALD_PULL_ORIGINS: JSON.stringify([server.origin]) } };
  let node = await startNode(data, options);
  const token = node.places.adminToken!;
  const get = async <T>(path: string) => (await node.call("GET", path, token)).body as T;
  const env = () => ({ HERALD_URL: node.url, HERALD_TOKEN: token });

  hold = 20;
  const isHeld = new Promise<void>((resolve) => {
    held = resolve;
  });
  const pull = ["audience", "pull", "active", `${server.origin}/members`, "--member", "id"];
  const made = await herald([...pull, "--no-wait", "--json"], { cwd, env: env() });
  expect(made.status, made.stderr).toBe(0);
  const { id } = JSON.parse(made.stdout) as Audience;
  await isHeld;
  await node.end("SIGKILL");

  hold = Number.POSITIVE_INFINITY;
  const before = server.asked.length;
  node = await startNode(data, options);
  const watched = await herald(["audience", "watch", id, "--json"], { cwd, env: env() });
  expect(watched.status, watched.stderr).toBe(0);
  const last = JSON.parse(watched.stdout.trim().split("\n").at(-1)!) as AudienceProgress;
  expect(last).toMatchObject({ state: "finished", size: MEMBERS.length });
  expect(await get<Audience>(`/v1/audiences/${id}`)).toMatchObject({
    ...{ state: "finished", size: MEMBERS.length, lines: MEMBERS.length, duplicates: 0, epoch: 1 },
  });
  // The page that was under way is asked for again, and none before it.
  const after = server.asked.slice(before);
  expect(after[0]).toContain(`cursor=${20 * PAGE}`);
  expect(after).toHaveLength(MEMBERS.length / PAGE - 20);
  const log = await get<PageOf<TaskTransition>>(`/v1/audiences/${id}/log`);
  expect(log.items.map(({ to }) => to)).toEqual([
    ...["ready", "started", "reboot", "started", "finished"],
  ]);
  const logged = await herald(["audience", "log", id], { cwd, env: env() });
  expect(logged.stdout).toContain("it was cut off, and goes on by itself");
  const again = await herald(["audience", "start", id], { cwd, env: env() });
  expect(again.stdout).toBe("finished -> started\n");
  await node.end("SIGINT");
});
