import { type Arena, pause } from "./arena.ts";

/** A row in which no fault is done and no campaign ends for so long has stalled. */
const STALLED_MS = 60_000;
/** How often it is said how far a row is. */
const SAID_MS = 15_000;
const LOOK_MS = 250;
/** What is asked for the diagnosis answers by then, or the diagnosis says that it did not. */
const ANSWER_MS = 2_000;

/**
 * Waits for a row, and says how far it is.
 *
 * @throws Error with a diagnosis when nothing goes on; the row itself is left behind.
 */
export async function unlessItStalls<T>(
  arena: Arena,
  { name, say }: { readonly name: string; readonly say: (line: string) => void },
  row: Promise<T>,
): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  row.then(over, over);
  let saidAt = performance.now();
  while (!isOver) {
    await Promise.race([row, pause(LOOK_MS)]);
    if (performance.now() - arena.steppedAt > STALLED_MS) throw new Error(await diagnosis(arena));
    if (performance.now() - saidAt < SAID_MS) continue;
    saidAt = performance.now();
    say(`  ${name}: ${arena.doing}`);
  }
  return row;
}

async function diagnosis(arena: Arena): Promise<string> {
  const answerOf = async (asked: Promise<unknown>): Promise<string> =>
    JSON.stringify(
      await Promise.race([
        asked.catch((thrown: unknown) => String(thrown)),
        pause(ANSWER_MS).then(() => "no answer"),
      ]),
    );
  const campaign = arena.campaign;
  const shown = campaign === undefined ? '"none"' : await answerOf(arena.show(campaign));
  const judged = await answerOf(arena.sink.count());
  return [
    `nothing went on for ${STALLED_MS / 1_000} s at: ${arena.doing}`,
    `the judge: ${judged}`,
    `the campaign: ${shown}`,
  ].join("\n  ");
}
