import { Worker } from "node:worker_threads";

/** Besides `minutes`: more than any bench takes with the members that a disk here can hold. */
const SECONDS_MAX = 900;
/** For those who are told to end before they are killed. */
const FAREWELL_MS = 2_000;

/**
 * Does the work, and ends the whole process when it takes longer than any bench may.
 *
 * The clock runs in a thread of its own: work that never lets go of this one is ended as well.
 * Child processes end when their parent does.
 */
export async function watched<Value>(
  name: string,
  work: () => Promise<Value>,
  minutes = 0,
): Promise<Value> {
  const dog = new Worker(WATCH, {
    eval: true,
    workerData: { name, seconds: SECONDS_MAX + minutes * 60, farewellMs: FAREWELL_MS },
  });
  dog.unref();
  dog.on("message", () => process.exit(1));
  return work().finally(() => dog.terminate());
}

const WATCH = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { writeSync } = require("node:fs");
  setTimeout(() => {
    writeSync(2, "bench " + workerData.name + ": not done after " + workerData.seconds + " s\\n");
    parentPort.postMessage("end");
    setTimeout(() => process.kill(process.pid, "SIGKILL"), workerData.farewellMs);
  }, workerData.seconds * 1000);
`;
