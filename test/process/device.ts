/** A device as `docs/protocol.md` describes it, in JSON, on the WebSocket that Node.js has. */

export interface Received {
  readonly id: string;
  /** Undefined for one that is volatile: there is nothing to confirm. */
  readonly offset: number | undefined;
  readonly topic: string;
  readonly payload: unknown;
  readonly redelivered: boolean;
}

type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;

export class Device {
  readonly pushes: Received[] = [];
  /** Called with every frame that comes. */
  onFrame: (frame: Frame) => void = () => {};
  /** The close code, once the connection has ended. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #ack: boolean;
  readonly #waiting: { readonly want: (frame: Frame) => boolean; met(frame: Frame): void }[] = [];
  #pings = 0;
  #requests = 1_000_000;

  private constructor(socket: WebSocket, ack: boolean) {
    this.#socket = socket;
    this.#ack = ack;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => resolve(code));
    });
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(data as string)));
  }

  /** Connects and logs in; what it receives it confirms unless told not to. */
  static async login(url: string, credential: string, ack = true, name = "test"): Promise<Device> {
    const socket = new WebSocket(url, ["herald.v1.json"]);
    const device = new Device(socket, ack);
    const opened = new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`no connection to ${url}`)));
    });
    await opened;
    const welcome = device.next((frame) => frame.type === "welcome");
    device.#send({ type: "hello", credential, device: name });
    await welcome;
    return device;
  }

  /** Resolves with the next frame of this kind, or rejects when the connection ends first. */
  next(want: (frame: Frame) => boolean): Promise<Frame> {
    const met = new Promise<Frame>((resolve) => {
      this.#waiting.push({ want, met: resolve });
    });
    const lost = this.closed.then((code) => {
      throw new Error(`closed with ${code}`);
    });
    return Promise.race([met, lost]);
  }

  /** The next push, or the one that came already. */
  async push(): Promise<Received> {
    if (this.pushes.length === 0) await this.next((frame) => frame.type === "push");
    return this.pushes[0]!;
  }

  /** Sends a request and resolves with the frame that answers it. */
  async ask(request: { readonly type: string } & Readonly<Record<string, unknown>>) {
    this.#requests += 1;
    const id = this.#requests;
    const answer = this.next((frame) => frame["id"] === id && frame.type !== "push");
    this.#send({ id, ...request });
    return answer;
  }

  /** Proves that everything sent before it has arrived. */
  async ping(): Promise<void> {
    this.#pings += 1;
    const id = this.#pings;
    const pong = this.next((frame) => frame.type === "pong" && frame["id"] === id);
    this.#send({ type: "ping", id });
    await pong;
  }

  /** Sends a request with an id of its own, and resolves with its one answer. */
  async request(frame: { readonly type: string } & Readonly<Record<string, unknown>>) {
    this.#pings += 1;
    const id = this.#pings;
    const answer = this.next((it) => it["id"] === id);
    this.#send({ ...frame, id });
    return answer;
  }

  close(): void {
    this.#socket.close();
  }

  #take(frame: Frame): void {
    this.onFrame(frame);
    if (frame.type === "push") {
      const push = frame as unknown as Received;
      this.pushes.push(push);
      if (this.#ack && push.offset !== undefined)
        this.#send({ type: "ack", offsets: [push.offset] });
    }
    const met = this.#waiting.filter(({ want }) => want(frame));
    for (const waiting of met) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.met(frame);
    }
  }

  #send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }
}
