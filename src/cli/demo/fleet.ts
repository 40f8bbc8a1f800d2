import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { RuntimeError } from "../../core/errors.ts";
import type { DevicesCommand, DevicesReport } from "./devices.ts";

const DEVICES = fileURLToPath(new URL("./devices.ts", import.meta.url));
const CONNECT_TIMEOUT_MS = 30_000;

/** The demo's devices, in a process of their own. */
export class DeviceFleet {
  readonly #process: ChildProcess;
  readonly #target: { readonly url: string; readonly secret: string };
  #wanted = 0;
  #last: DevicesReport = { connected: 0, received: 0, repeated: 0 };

  constructor(target: { readonly url: string; readonly secret: string }) {
    this.#target = { ...target, url: `${target.url.replace("http", "ws")}/v1/connect` };
    this.#process = fork(DEVICES, { execArgv: ["--disable-warning=ExperimentalWarning"] });
    this.#process.on("message", (report: DevicesReport) => {
      this.#last = report;
    });
  }

  /** Connects one device for each user. @throws RuntimeError `ask.timeout` when some cannot. */
  async connect(users: string[]): Promise<void> {
    this.#wanted += users.length;
    this.#send({ type: "connect", ...this.#target, users });
    const deadline = performance.now() + CONNECT_TIMEOUT_MS;
    while ((await this.report()).connected < this.#wanted) {
      if (performance.now() < deadline) continue;
      const message = `only ${this.#last.connected} of ${this.#wanted} devices could connect`;
      throw new RuntimeError("ask.timeout", message);
    }
  }

  /** What the devices have seen, fresh from their process. */
  async report(): Promise<DevicesReport> {
    await once(this.#process, "message", { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return this.#last;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#send({ type: "stop" });
    await ended;
  }

  #send(command: DevicesCommand): void {
    this.#process.send(command);
  }
}
