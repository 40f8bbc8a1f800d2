/**
 * A device: logs in, prints every push, and acks it by having handled it.
 *
 *     export HERALD_CREDENTIAL=$(./herald token create --user ann --ttl 24h)
 *     npx node examples/device.ts [url] [file]
 *
 * It keeps its place in the file (default: device-state.json), so that stopping and starting it
 * loses nothing and repeats nothing. Ctrl-C ends it.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, type StateStorage } from "../clients/js/src/index.ts";

const [url = "ws://127.0.0.1:9010", file = "device-state.json"] = process.argv.slice(2);

const storage: StateStorage = {
  load() {
    try {
      return JSON.parse(readFileSync(file, "utf8"));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  },
  save(state) {
    // Written beside it and renamed, so that a crash leaves the old state or the new one.
    writeFileSync(`${file}.new`, JSON.stringify(state));
    renameSync(`${file}.new`, file);
  },
};

const client = connect({
  url,
  credential: process.env["HERALD_CREDENTIAL"] ?? "",
  device: "example",
  encoding: "msgpack",
  storage,
  onPush(push) {
    console.log(`${push.topic} ${push.offset ?? "-"} ${JSON.stringify(push.payload)}`);
  },
  onState(state, { reason }) {
    console.error(reason === undefined ? state : `${state}: ${reason}`);
    if (state === "closed" && process.exitCode === undefined) process.exitCode = 1;
  },
  onGap: ({ after, upTo }) => console.error(`missed something between ${after} and ${upTo}`),
});

process.once("SIGINT", () => {
  process.exitCode = 0;
  void client.close();
});
