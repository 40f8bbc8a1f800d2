/** Forty devices of one user that log in at the same moment, under each policy. */
import { expect, onTestFinished, test } from "vitest";
import { Device } from "../../process/device.ts";
import { startWholeNode } from "./whole-node.ts";

const AT_ONCE = 40;
const REPLACED = 4200;
const TOO_MANY = 4206;

const POLICIES = [
  { name: "many", login: { phones: "many" }, stay: AT_ONCE, code: undefined },
  { name: "the newest", login: { phones: "newest" }, stay: 1, code: REPLACED },
  { name: "up to three", login: { phones: "up-to", phonesMax: 3 }, stay: 3, code: TOO_MANY },
  {
    name: "up to three, the newest",
    login: { phones: "up-to", phonesMax: 3, phonesWhenFull: "oldest" },
    ...{ stay: 3, code: REPLACED },
  },
] as const;

test.each(POLICIES)(
  "of forty at once, $name: as many stay as that says",
  async ({ login, stay, code }) => {
    const node = await startWholeNode({ login, websocket: { connectionsPerUser: AT_ONCE } });
    onTestFinished(() => node.stop());
    const token = await node.mint({ user: "ann" });
    const ends: number[] = [];
    const enough = Promise.withResolvers<void>();
    const ended = (how: number): void => {
      ends.push(how);
      if (ends.length === AT_ONCE - stay) enough.resolve();
    };
    if (stay === AT_ONCE) enough.resolve();
    const logins = Array.from({ length: AT_ONCE }, async (_, n) => {
      try {
        const device = await Device.login(node.websocket, token, true, `phone-${n}`);
        void device.closed.then(ended);
      } catch (error) {
        ended(Number(/\d+$/.exec((error as Error).message)?.[0]));
      }
    });
    await Promise.all([...logins, enough.promise]);
    const { sessions } = await node.call("GET", "/v1/devices/user:ann");
    expect(sessions).toHaveLength(stay);
    expect([...new Set(ends)]).toEqual(code === undefined ? [] : [code]);
  },
);
