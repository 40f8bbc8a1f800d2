/**
 * A phone: asks a board to do something, and is told who of its boards comes and goes.
 *
 *     export HERALD_CREDENTIAL=$(./herald token create --user ann --ttl 24h)
 *     npx node examples/phone.ts [url] [board] [on|off]
 *
 * With a command it prints the board's answer and ends; without one it listens until Ctrl-C.
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
    if (state !== "closed") return;
    console.error(`closed: ${reason}`);
    process.exitCode ??= 1;
  },
});

if (command !== undefined) {
  try {
    await phone.whenConnected();
    const { from, payload } = await phone.request(`board:${lamp}`, { on: command === "on" });
    console.log(`${from} answers ${JSON.stringify(payload)}`);
    process.exitCode = 0;
  } catch (error) {
    if (!(error instanceof HeraldError)) throw error;
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
  await phone.close();
}

process.once("SIGINT", () => {
  process.exitCode = 0;
  void phone.close();
});
