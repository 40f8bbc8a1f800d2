/** A classic device on the WebSocket that Node.js has. */
import { type LoginFacts, loginText, type Message, read } from "./bytes.ts";

export class ClassicSocket {
  /** Binary messages that came, as they came. */
  readonly got: Buffer[] = [];
  readonly texts: string[] = [];
  /** The close code, once it has ended. */
  readonly closed: Promise<number>;
  isClosed = false;
  readonly #socket: WebSocket;
  #waiting: (() => void)[] = [];
  #taken = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }: MessageEvent) => {
      if (typeof data === "string") this.texts.push(data);
      else this.got.push(Buffer.from(data as ArrayBuffer));
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => {
        this.isClosed = true;
        this.#wake();
        resolve(code);
      });
    });
  }

  static async open(port: number): Promise<ClassicSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    const device = new ClassicSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error("no connection")));
    });
    return device;
  }

  /** Logs in and resolves with the bytes that answer. */
  async login(id: bigint, facts: LoginFacts): Promise<number[]> {
    this.say(loginText(id, facts));
    return [...(await this.next())];
  }

  say(text: string): void {
    this.#socket.send(text);
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** Says that it is there, and resolves once the node has said so, too. */
  async heartbeat(): Promise<void> {
    const before = this.texts.length;
    this.say("p");
    await this.#until(() => this.texts.length > before);
    if (this.texts.at(-1) !== "P") throw new Error(`answered ${this.texts.at(-1)}`);
  }

  /** The next binary message that nobody has taken. */
  async next(): Promise<Buffer> {
    await this.#until(() => this.got.length > this.#taken);
    this.#taken += 1;
    return this.got[this.#taken - 1]!;
  }

  async nextMessage(): Promise<Message> {
    return read(await this.next());
  }

  /** How many binary messages nobody has taken. */
  get left(): number {
    return this.got.length - this.#taken;
  }

  close(): void {
    this.#socket.close(1000);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.isClosed) throw new Error("the connection has ended");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
