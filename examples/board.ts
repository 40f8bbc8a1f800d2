/**
 * A board over WebSocket: a lamp that phones switch, and that tells the back end its state.
 *
 *     export HERALD_CREDENTIAL=$(./herald token create --board lamp-1 --ttl 24h)
 *     npx node examples/board.ts [url]
 *
 * Register and bind it first: `./herald boards register lamp-1`, then
 * `./herald boards bind lamp-1 --user ann`. Ctrl-C ends it.
 */
import { connect, HeraldError } from "../clients/js/src/index.ts";

const [url = "ws://127.0.0.1:9010"] = process.argv.slice(2);
let isOn = false;

const board = connect({
  url,
  credential: process.env["HERALD_CREDENTIAL"] ?? "",
  device: "board",
  /** A phone asks to switch it, `{"on": true}`; what is returned is the answer. */
  onMessage({ from, payload }) {
    const { on } = payload as { on?: unknown };
    if (typeof on !== "boolean") throw new Error('say {"on": true} or {"on": false}');
    isOn = on;
    console.log(`${from} switched it ${isOn ? "on" : "off"}`);
    void tellState();
    return { isOn };
  },
  onPush: ({ topic, payload }) => console.log(`${topic} ${JSON.stringify(payload)}`),
  onState(state, { reason }) {
    console.error(reason === undefined ? state : `${state}: ${reason}`);
    if (state === "closed" && process.exitCode === undefined) process.exitCode = 1;
  },
});

let told = 0;

/** Tells the back end; the key makes an upload that is tried twice one upload. */
async function tellState(): Promise<void> {
  told += 1;
  const key = `${process.pid}-${told}`;
  try {
    await board.upload("state", { isOn }, { key });
    console.log(`state stored: ${isOn ? "on" : "off"}`);
  } catch (error) {
    if (!(error instanceof HeraldError)) throw error;
    console.error(`state not stored: ${error.message}`);
  }
}

process.once("SIGINT", () => {
  process.exitCode = 0;
  void board.close();
});
