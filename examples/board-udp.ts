/**
 * A board over UDP: registers once, then tells its state and answers what phones ask of it.
 *
 *     npx node examples/board-udp.ts [host] [port] [file]
 *
 * The file (default: board-state.json) keeps its id, its secret and its place, so that it goes on
 * where it was. Without the file it registers with a key that the node's configuration has in
 * `udp.provisioning`: HERALD_PROVISIONING_ID and HERALD_PROVISIONING_SECRET. docs/udp.md has the
 * commands from an empty folder on. Ctrl-C ends it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Frame } from "../clients/udp/src/channel-client.ts";
import { type Place, UdpDevice } from "../clients/udp/src/device.ts";
import { udpNetwork } from "../clients/udp/src/network.ts";
import { registerBoard } from "../clients/udp/src/register.ts";

const [host = "127.0.0.1", port = "9011", file = "board-state.json"] = process.argv.slice(2);
const STATE_EVERY_MS = 10_000;
const network = udpNetwork(host, Number(port));

interface Kept {
  readonly board: string;
  readonly secret: string;
  readonly place?: Place;
}

function save(kept: Kept): void {
  // Written beside it and renamed, so that a crash leaves the old state or the new one.
  writeFileSync(`${file}.new`, JSON.stringify(kept), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function register(): Promise<Kept> {
  const { HERALD_PROVISIONING_ID: id, HERALD_PROVISIONING_SECRET: text } = process.env;
  if (!id || !text) {
    console.error(`${file} is not there: HERALD_PROVISIONING_ID and _SECRET must be set`);
    process.exit(2);
  }
  const board = { mac: "02:00:5e:10:00:01", serial: "S-1", model: "lamp-2", name: "Desk lamp" };
  try {
    const registered = await registerBoard({
      ...{ network, id, secret: Buffer.from(text, "base64url"), board },
    });
    save(registered);
    return registered;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

const { board, secret, place }: Kept = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : await register();

let isOn = false;

const device = new UdpDevice({
  key: { type: "device", principal: `board:${board}`, device: "board" },
  secret: Buffer.from(secret, "base64url"),
  network,
  place,
  onPush: (push) => console.log(`push ${JSON.stringify(push["payload"])}`),
  onFrame: (frame) => frame.type === "message" && handle(frame),
  onState: (state, why) => console.error(`${state}: ${why}`),
});

/** A phone asks to switch it: `{"on": true}`. */
function handle({ payload, request }: Frame): void {
  isOn = (payload as { on?: boolean }).on === true;
  console.log(isOn ? "on" : "off");
  if (typeof request === "number") device.answer(request, { on: isOn });
}

async function tellState(): Promise<void> {
  const { type, message } = await device.request({
    type: "upload",
    kind: "state",
    payload: { isOn },
  });
  console.log(type === "uploaded" ? "state stored" : `state refused: ${message}`);
}

void tellState();
const telling = setInterval(() => void tellState(), STATE_EVERY_MS);
const saving = setInterval(() => save({ board, secret, place: device.place }), 1000);

process.once("SIGINT", () => {
  clearInterval(telling);
  clearInterval(saving);
  save({ board, secret, place: device.place });
  // Without a good-bye: its session waits for it for a while.
  device.drop();
});
