import { connect, type Socket } from "node:net";

/** What came back on one connection until it ended. */
export interface RawReply {
  readonly text: string;
  /** Status codes in the order of the answers. */
  readonly statuses: readonly number[];
}

/** Sends bytes as they are, and resolves when the server has closed or `doneWhen` is met. */
export function raw(
  port: number,
  parts: readonly (string | Uint8Array)[],
  doneWhen: (text: string) => boolean = (text) => /^HTTP\/1\.1 \d/.test(text),
): Promise<RawReply> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1");
    const finish = (): void => {
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) =>
        Number(status),
      );
      resolve({ text, statuses });
    };
    socket.on("connect", () => {
      for (const part of parts) socket.write(part);
    });
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (doneWhen(text)) finish();
    });
    socket.on("error", () => {});
    socket.on("close", finish);
  });
}

/** Sends bytes, and when `ready` says so goes away in one way or another. */
export function rawAndGone(
  port: number,
  bytes: string | Uint8Array,
  how: "end" | "reset",
  ready: () => Promise<unknown> = async () => {},
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("connect", () => {
      socket.resume();
      socket.write(bytes, () => {
        ready().then(() => (how === "reset" ? socket.resetAndDestroy() : socket.end()), reject);
      });
    });
  });
}
