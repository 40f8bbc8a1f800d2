/**
 * The demo's devices: a process of its own, so that every message crosses a real socket.
 *
 * It mints its own credentials, as a product's own back end would, from the shared secret.
 */
import { SignJWT } from "jose";
import { connect, type HeraldClient } from "../../../clients/js/src/index.ts";

/** What the demo tells this process. */
export type DevicesCommand =
  | {
      readonly type: "connect";
      readonly url: string;
      readonly secret: string;
      readonly users: string[];
    }
  | { readonly type: "stop" };

/** What this process tells the demo, a few times a second. */
export interface DevicesReport {
  readonly connected: number;
  readonly received: number;
  /** Pushes that came a second time for the same user: none is expected. */
  readonly repeated: number;
}

/** Logins under way at once: enough to be quick, few enough not to look like an attack. */
const LOGINS_MAX = 100;

const clients: HeraldClient[] = [];
const seen = new Set<string>();
let connected = 0;
let received = 0;
let repeated = 0;

process.on("message", (command: DevicesCommand) => {
  if (command.type === "stop") return stop();
  void connectAll(command);
});
process.on("disconnect", stop);
setInterval(report, 100);

async function connectAll(command: DevicesCommand & { type: "connect" }): Promise<void> {
  const waiting = [...command.users];
  const key = new TextEncoder().encode(command.secret);
  const next = async (): Promise<void> => {
    for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) {
      await login(user, command.url, key);
    }
  };
  await Promise.all(Array.from({ length: LOGINS_MAX }, next));
}

async function login(user: string, url: string, key: Uint8Array): Promise<void> {
  const credential = await new SignJWT({})
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime("1h")
    .sign(key);
  await new Promise<void>((resolve) => {
    let first = true;
    const client = connect({
      url,
      credential,
      device: "demo",
      onPush: (push) => {
        const id = `${user} ${push.id}`;
        if (seen.has(id)) repeated += 1;
        seen.add(id);
        received += 1;
      },
      onState: (state) => {
        if (state !== "connected" || !first) return;
        first = false;
        connected += 1;
        resolve();
      },
    });
    clients.push(client);
  });
}

function report(): void {
  if (process.connected) process.send?.({ connected, received, repeated } satisfies DevicesReport);
}

function stop(): void {
  for (const client of clients) client.close();
  process.exit(0);
}
