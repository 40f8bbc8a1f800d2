/**
 * A phone: asks a board to do something, or is told who of its boards is there, comes and goes.
 *
 *     export HERALD_CREDENTIAL=$(./herald token create --user ann --ttl 24h)
 *     npx node examples/phone.ts [url] [board] [on|off]
 *
 * With a command it prints the board's answer and ends; without one it says which boards are online
 * and listens until Ctrl-C.
 */
import { connect, HeraldError } from "../clients/js/src/index.ts";

const [url = "ws://127.0.0.1:9010", lamp = "lamp-1", command] = process.argv.slice(2);

const phone = connect({
  url,
  credential: process.env["HERALD_CREDENTIAL"] ?? "",
  // The one that listens and the one that commands may be there at the same time.
  device: command === undefined ? "phone" : "remote",
  onPush: ({ topic, payload }) => console.log(`${topic} ${JSON.stringify(payload)}`),
  onMessage: ({ from, payload }) => console.log(`${from} says ${JSON.stringify(payload)}`),
  onState(state, { reason }) {
    if (state !== "closed" || process.exitCode !== undefined) return;
    console.error(`closed: ${reason}`);
    process.exitCode = 1;
  },
});

process.once("SIGINT", () => {
  process.exitCode = 0;
  void phone.close();
});

try {
  await phone.whenConnected();
  if (command === undefined) await listBoards();
  else await switchLamp(command);
} catch (error) {
  if (!(error instanceof HeraldError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode ??= 1;
}
if (command !== undefined) await phone.close();

/** Who is online now; who comes and goes later is told by pushes of the topic `herald.status`. */
async function listBoards(): Promise<void> {
  for (const board of await phone.presence("boards")) {
    const { principal, online } = board;
    console.log(`${principal} is ${online ? "online" : `offline, ${lastSeen(board.lastSeen)}`}`);
  }
}

function lastSeen(at: number | undefined): string {
  return at === undefined
    ? "and not known to have been here"
    : `last seen ${new Date(at).toISOString()}`;
}

async function switchLamp(wanted: string): Promise<void> {
  const { from, payload } = await phone.request(`board:${lamp}`, { on: wanted === "on" });
  console.log(`${from} answers ${JSON.stringify(payload)}`);
  process.exitCode = 0;
}
