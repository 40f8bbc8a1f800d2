import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { herald, startNode, temporaryFolder } from "./herald.ts";

test("boards and families are run from the command line, as docs/relations.md says", async () => {
  const cwd = temporaryFolder();
  const node = await startNode([], { cwd });
  const run = async (...args: string[]): Promise<string> => {
    const ran = await herald(args, { cwd, env: { HERALD_URL: node.url } });
    expect(ran.status, ran.stderr).toBe(0);
    return ran.stdout.trim();
  };
  expect(await run("boards", "register", "lamp-1", "--name", "Desk lamp")).toContain("Desk lamp");
  expect(await run("boards", "bind", "lamp-1", "--user", "m-1")).toBe("done");
  expect(await run("boards", "bind", "lamp-1", "--user", "m-1")).toBe("it was so already");
  expect(await run("families", "invite", "m-1", "m-2", "--as", "guest")).toBe("done");
  expect(await run("families", "join", "m-1", "m-2")).toBe("done");
  expect(await run("families", "show", "m-1")).toMatch(/m-2 +guest/);
  expect(await run("boards", "show", "lamp-1")).toMatch(/m-1 \(owner\), m-2 \(guest\)/);
  expect(await run("boards", "list", "--owner", "m-1")).toContain("lamp-1");

  const secret = await run("boards", "secret", "lamp-1");
  expect(secret).toMatch(/^[\w-]{43}$/);
  await run("boards", "rotate-secret", "lamp-1");
  expect(await run("boards", "secret", "lamp-1")).not.toBe(secret);

  const credential = await run("token", "create", "--board", "lamp-1", "--publish", "lamps.*");
  const lamp = await Device.login(node.places.websocket, credential);
  const published = await lamp.ask({ type: "publish", topic: "lamps.1", payload: 1 });
  expect(published).toMatchObject({ type: "published" });
  const forbidden = await lamp.ask({ type: "publish", topic: "doors.1", payload: 1 });
  expect(forbidden).toMatchObject({ type: "error", code: "topic.forbidden" });
  lamp.close();

  expect(await run("families", "dismiss", "m-1")).toBe("done");
  expect(await run("boards", "unbind", "lamp-1")).toBe("done");
  expect(await run("boards", "forget", "lamp-1")).toBe("done");
  const both = await herald(["token", "create", "--board", "x", "--role", "admin"], { cwd });
  expect(both.status).not.toBe(0);
  expect(both.stderr).toContain("give one: --user, --board");
  await node.end("SIGTERM");
});
