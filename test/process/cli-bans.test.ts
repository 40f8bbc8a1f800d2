import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { herald, startNode, temporaryFolder } from "./herald.ts";

test("bans are listed and lifted, and a node is emptied, by command", async () => {
  const cwd = temporaryFolder();
  const node = await startNode([], { cwd, env: { HERALD_WEBSOCKET_FLAPS_PER_USER: "2" } });
  const env = { HERALD_URL: node.url };
  const run = async (...args: string[]): Promise<string> => {
    const ran = await herald(args, { cwd, env });
    expect(ran.status, ran.stderr).toBe(0);
    return ran.stdout.trim();
  };
  expect(await run("bans", "list")).toBe("nobody is banned");
  const credential = await run("token", "create", "--user", "ann");
  const login = () => Device.login(node.places.websocket, credential);
  (await login()).close();
  (await login()).close();
  await expect(login()).rejects.toThrow();
  expect(await run("bans", "list")).toMatch(/principal +ann +3 /);
  expect(await run("bans", "lift", "principal", "ann")).toBe("lifted");
  expect((await herald(["bans", "lift", "principal", "ann"], { cwd, env })).stderr).toContain(
    "ban.unknown",
  );

  const phone = await login();
  const to = "wss://two.example.com/v1/connect";
  const sent = await run("node", "drain", "--to", to, "--within", "0s");
  expect(sent).toBe("1 connections are sent away");
  expect(await phone.closed).toBe(4108);
  await expect(login()).rejects.toThrow();
  expect((await node.call("GET", "/readyz")).status).toBe(503);
  expect(await run("node", "resume")).toBe("the node takes devices; 0 are connected");
  (await login()).close();
  await node.end("SIGTERM");
});
