/** The devices of a storm: one process. */
import { answerParent } from "./child.ts";
import { addressOf, several } from "./several.ts";
import { SoakCounts, SoakDevice } from "./soak-device.ts";
import { webSocketWire } from "./web-socket-wire.ts";

/** Connections that are being opened at the same time. */
const OPENING_MAX = 200;
const STEP_MS = 20;
const LOST_AFTER_MS = 30_000;

const counts = new SoakCounts();
let devices: SoakDevice[] = [];

answerParent({ open, drop, reconnect, totals });

async function open({ port, credentials }: { port: number; credentials: readonly string[] }) {
  devices = credentials.map((credential, index) => {
    const place = { port, localAddress: addressOf(index) };
    const wires = [{ name: "json", open: webSocketWire(place, "json"), credential }] as const;
    return new SoakDevice({ wires, device: "storm" }, counts);
  });
  await several(OPENING_MAX, devices, (device) => device.connect());
  return {};
}

/** Everybody leaves without a word; then each is pushed `n`, if there is one. */
async function drop({ n }: { n: number | undefined }): Promise<object> {
  await Promise.all(devices.map((device) => device.leave("drop")));
  if (n !== undefined) for (const { expected } of devices) expected.add(n);
  return {};
}

/** Everybody comes back; resolves when each is welcome and has what was pushed to it. */
async function reconnect(): Promise<object> {
  const startedAt = performance.now();
  const took: number[] = [];
  await several(OPENING_MAX, devices, async (device) => {
    const at = performance.now();
    await device.connect();
    took.push(performance.now() - at);
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const isComplete = () => devices.every(({ expected }) => expected.size === 0);
  const endsAt = performance.now() + LOST_AFTER_MS;
  while (!isComplete() && performance.now() < endsAt) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  await several(OPENING_MAX, devices, (device) => device.ping());
  took.sort((a, b) => a - b);
  return { seconds, p99Ms: took[Math.floor(took.length * 0.99)] };
}

function totals(): object {
  const { resumes, acks, repeats, wrong, firstWrong, unexplained } = counts;
  return {
    ...{ resumes, acks, repeats, wrong, firstWrong },
    here: devices.filter(({ isHere }) => isHere).length,
    lost: devices.reduce((sum, { expected }) => sum + expected.size, 0),
    unexplained: Object.values(unexplained).reduce((sum, count) => sum + count, 0),
  };
}
