/** Herald's device side as a process, with phones that are each bound to one board. */
import { startDeviceNode } from "../../test/testkit/device-node.ts";
import { reachDesk } from "../../test/testkit/reach-desk.ts";
import { answerParent } from "../load/child.ts";

const EVERYBODY = 1_000_000;
const TTL_MS = 3_600_000;

// The limits are on, and too high to be reached: what they cost is measured, too.
const limits = { framesPerSecond: EVERYBODY, framesBurst: EVERYBODY };
const node = startDeviceNode({ limits });
const relations = reachDesk(node.system);

answerParent({
  port: () => node.port,
  /** Credentials of `count` phones, and of the board that each is bound to. */
  async pairs({ count }: { count: number }) {
    const names = Array.from({ length: count }, (_, index) => String(index));
    for (const name of names) relations.bind(`user-${name}`, name);
    const mint = (user: string, kind: "phone" | "board") =>
      node.tokens.mint({ user, kind, ttlMs: TTL_MS });
    const phones = await Promise.all(names.map((name) => mint(`user-${name}`, "phone")));
    const boards = await Promise.all(names.map((name) => mint(name, "board")));
    return { phones, boards };
  },
  routes: () => ({ answered: node.tally.routes.answered, stray: node.tally.routes.answersStray }),
});
