import { expect, test } from "vitest";
import type { RouteTally } from "../../../src/actors/session/route-tally.ts";
import { routingNode } from "./routing-node.ts";

/** Accepted messages that are accounted for nowhere. */
function gap({ accepted, pending, lost, sent, answered, refused }: RouteTally): number {
  const told = [...refused.values()].reduce((sum, count) => sum + count, 0);
  return accepted - (pending + lost + sent + answered + told);
}

test("every message between devices is in one place, on its way and at its end", async () => {
  const node = routingNode({ session: { requestsMax: 3 } });
  const { routes } = node.tally;
  node.relations.bind("ann", "lamp");
  const [ann, lamp] = await node.talkers("ann", "board:lamp");
  ann!.send("board:lamp", "hello");
  ann!.send("board:door", "forbidden");
  await node.settle();
  expect([routes.sent, routes.refused.get("route.forbidden"), gap(routes)]).toEqual([1, 1, 0]);

  for (let n = 0; n < 4; n += 1) ann!.send("board:lamp", n, { answerWithinMs: 1_000 });
  await node.settle();
  expect([routes.pending, routes.refused.get("route.too-many"), gap(routes)]).toEqual([3, 1, 0]);
  lamp!.request({ type: "answer", request: 1, payload: "yes" });
  await node.settle();
  expect([routes.answered, routes.pending, gap(routes)]).toEqual([1, 2, 0]);
  await node.advance(1_000);
  expect([routes.refused.get("route.timeout"), routes.pending, gap(routes)]).toEqual([2, 0, 0]);
});

test("what is on its way when its sender's session ends counts as lost", async () => {
  const node = routingNode();
  const { routes } = node.tally;
  node.relations.bind("ann", "lamp");
  const [ann] = await node.talkers("ann", "board:lamp");
  ann!.send("board:lamp", "how?", { answerWithinMs: 60_000 });
  await node.settle();
  ann!.session.send({ type: "close", reason: "kicked" });
  await node.settle();
  expect([routes.accepted, routes.lost, routes.pending, gap(routes)]).toEqual([1, 1, 0, 0]);
});
