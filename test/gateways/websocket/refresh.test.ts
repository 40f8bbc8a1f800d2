import { expect, test } from "vitest";
import { refresh } from "../../../src/gateways/websocket/refresh.ts";
import { testNode } from "./node.ts";

type Refreshed = Parameters<typeof refresh>[0];

test("a refresh that finds no room changes nothing of the earlier credential", async () => {
  const node = testNode();
  const refused = new Promise<number | undefined>((resolve) => {
    const connection = {
      ...{ hub: { deviceTokens: node.tokens, clock: node.clock, deadlineIn: () => 9_999 } },
      ...{ user: { key: "ada", count: 1 }, device: "phone", socket: {}, endsAt: 9_999 },
      deadline: 60,
      session: { send: () => false },
      refuseBusy: (id: number | undefined) => {
        expect(connection.deadline).toBe(60);
        resolve(id);
      },
    };
    node.credential("ada").then((credential) => {
      refresh(connection as unknown as Refreshed, { type: "refresh", id: 7, credential });
    });
  });
  expect(await refused).toBe(7);
});
