import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { startNode, temporaryFolder } from "./herald.ts";

const PHONES_MAX = 3;
const env = { HERALD_LOGIN_PHONES: "up-to", HERALD_LOGIN_PHONES_MAX: String(PHONES_MAX) };

test("weakness 5: a node that is killed leaves no slot of a user taken", async () => {
  const cwd = temporaryFolder();
  const first = await startNode([], { cwd, env });
  const wanted = { kind: "device", user: "ann", ttlMs: 60_000 };
  const made = await first.call("POST", "/v1/tokens", first.places.adminToken, wanted);
  const { token } = made.body as { token: string };
  const fill = async (websocket: string): Promise<void> => {
    for (let n = 1; n <= PHONES_MAX; n += 1) {
      await Device.login(websocket, token, true, `phone-${n}-of-${websocket}`);
    }
    await expect(Device.login(websocket, token, true, "late")).rejects.toThrow("closed with 4206");
  };
  await fill(first.places.websocket);
  await first.end("SIGKILL");
  const second = await startNode([], { cwd, env });
  await fill(second.places.websocket);
  await second.end("SIGTERM");
});
