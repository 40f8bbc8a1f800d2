import type { DeviceNode } from "../../testkit/device-node.ts";
import { RawSocket } from "../../testkit/raw-socket.ts";

export interface DeviceOptions {
  readonly user?: string;
  readonly device?: string;
  readonly credential?: string;
  readonly resume?: string;
  readonly offset?: number;
  readonly localAddress?: string;
}

const TTL_MS = 3_600_000;

/** A JSON connection whose upgrade is done, and that has said nothing. */
export function connectTo(node: DeviceNode, localAddress?: string): Promise<RawSocket> {
  const options = { port: node.port, protocol: "herald.v1.json" };
  return RawSocket.open(localAddress === undefined ? options : { ...options, localAddress });
}

/** Connects, says hello, and waits for the first answer, whatever it is. */
export async function sayHello(node: DeviceNode, options: DeviceOptions = {}): Promise<RawSocket> {
  const { user = "u-1", device = "phone", localAddress, ...hello } = options;
  const socket = await connectTo(node, localAddress);
  const credential = hello.credential ?? (await node.tokens.mint({ user, ttlMs: TTL_MS }));
  socket.sendJson({ type: "hello", device, ...hello, credential });
  await socket.until(() => socket.json.length > 0);
  return socket;
}

/** Logs in; fails when the answer is anything but a welcome. */
export async function logIn(node: DeviceNode, options: DeviceOptions = {}): Promise<RawSocket> {
  const socket = await sayHello(node, options);
  const [first] = socket.json;
  if (first?.["type"] !== "welcome") throw new Error(`no welcome: ${JSON.stringify(first)}`);
  return socket;
}

/** The resume token of a socket's welcome. */
export function resumeOf(socket: RawSocket): string {
  return String(socket.json[0]!["resume"]);
}

/** Waits until a frame of that type has come, and returns the latest. */
export async function frameOf(socket: RawSocket, type: string): Promise<Record<string, unknown>> {
  const found = (): Record<string, unknown> | undefined =>
    socket.json.findLast((frame) => frame["type"] === type);
  await socket.until(() => found() !== undefined);
  const frame = found();
  if (frame === undefined)
    throw new Error(`closed without ${type}: ${JSON.stringify(socket.json)}`);
  return frame;
}

/** Sends a ping and waits for its pong: everything sent before has been processed then. */
export async function roundTrip(socket: RawSocket, id: number): Promise<void> {
  socket.sendJson({ type: "ping", id });
  await socket.until(() => socket.json.some((frame) => frame["id"] === id));
}

/** What a connection was closed with: the kick and the close code, which must agree. */
export async function closingOf(socket: RawSocket): Promise<{ code?: number; kick?: unknown }> {
  await socket.closed();
  const kick = socket.json.find(({ type }) => type === "kick");
  const code = socket.closeCode;
  if (kick !== undefined && kick["code"] !== code) throw new Error("kick and close code differ");
  return { ...(code === undefined ? {} : { code }), ...(kick === undefined ? {} : { kick }) };
}
