/** Phones that watch, and the boards that come and go before them: one process. */
import { BOARD_DEVICE } from "../../src/core/device-secret.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { answerParent } from "./child.ts";
import { WatchedBoard, type Watching } from "./presence-board.ts";
import { addressOf, several } from "./several.ts";
import { BackEnd } from "./soak-back-end.ts";
import { webSocketWire } from "./web-socket-wire.ts";
import type { Frame } from "./wire.ts";

export interface OpenPresence {
  readonly type: "open";
  readonly url: string;
  readonly token: string;
  readonly pairs: number;
  readonly seed: number;
}

export interface RunPresence {
  readonly type: "run";
  readonly ms: number;
  readonly changesPerSecond: number;
}

const OPENING_MAX = 50;
const STEP_MS = 5;
const LOST_AFTER_MS = 5_000;

const boards: WatchedBoard[] = [];
const found: Watching = { took: [], twice: 0, wrong: 0, firstWrong: "" };
let random: Random = seededRandom(1);

answerParent({ open, run });

/** Phones that are connected, each with a board of its own that is not. */
async function open({ url, token, pairs, seed }: OpenPresence): Promise<object> {
  random = seededRandom(seed);
  const backEnd = new BackEnd(url, token);
  const port = Number(new URL(url).port);
  const all = Array.from({ length: pairs }, (_, pair) => pair);
  await several(OPENING_MAX, all, async (pair) => {
    const [board, user] = [`b-${pair}`, `u-${pair}`];
    await backEnd.bind(board, user);
    const credential = await backEnd.credential({ kind: "board", board });
    const place = { port, localAddress: addressOf(pair * 2) };
    const wire = webSocketWire(place, "json");
    const watched = new WatchedBoard({ wire, board, credential, device: BOARD_DEVICE }, found);
    boards.push(watched);
    const own = await backEnd.credential({ kind: "device", user });
    await phone(port, pair, own, watched);
  });
  return {};
}

function phone(port: number, pair: number, credential: string, board: WatchedBoard): Promise<void> {
  return new Promise((resolve) => {
    const wire = webSocketWire(
      { port, localAddress: addressOf(pair * 2 + 1) },
      "json",
    )({
      onOpen: () => wire.send({ type: "hello", device: "phone", credential }),
      onFrame: (frame: Frame) => {
        if (frame.type === "welcome") resolve();
        if (frame.type !== "push") return;
        // What was bound before is told by the inbox; presence is volatile.
        if (frame["offset"] === undefined) board.announced(frame["payload"]);
        else wire.send({ type: "ack", offsets: [frame["offset"]] });
      },
      onClose: () => {
        found.wrong += 1;
        found.firstWrong ||= `the connection of phone ${pair} has ended`;
      },
    });
  });
}

/** Boards come and go at random, as often as is asked and none as often as would be damped. */
async function run({ ms, changesPerSecond }: RunPresence): Promise<object> {
  const startedAt = performance.now();
  let changes = 0;
  let late = 0;
  while (performance.now() < startedAt + ms) {
    const due = ((performance.now() - startedAt) * changesPerSecond) / 1000;
    for (; changes < due; changes += 1) {
      const board = idle();
      if (board === undefined) late += 1;
      else board.change(random);
    }
    await pause();
  }
  const endsAt = performance.now() + LOST_AFTER_MS;
  while (boards.some(({ isWaiting }) => isWaiting) && performance.now() < endsAt) await pause();
  const { took, twice, wrong, firstWrong } = found;
  took.sort((a, b) => a - b);
  const at = (part: number): number => took[Math.floor(took.length * part)] ?? Number.NaN;
  const missing = boards.filter(({ isWaiting }) => isWaiting).length;
  return {
    figures: {
      ...{ announced: took.length, changesPerSecond: (changes - late) / (ms / 1000), missing },
      ...{ twice, wrong, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: took.at(-1) ?? Number.NaN },
    },
    firstWrong,
  };
}

/** One that may change, if there is any among some. */
function idle(): WatchedBoard | undefined {
  for (let tries = 0; tries < 50; tries += 1) {
    const board = boards[Math.floor(random() * boards.length)]!;
    if (board.mayChange) return board;
  }
  return undefined;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, STEP_MS));
}
