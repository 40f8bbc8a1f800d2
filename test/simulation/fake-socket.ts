/** The frames of a connection between the server's write and the device's reading. */
export type Wire = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The result of a `send` of uWebSockets.js: all is out, or some is not yet. */
const SENT = 1;
const UNSENT = 0;

/**
 * A socket as uWebSockets.js gives it to a connection, whose device reads when the test wants.
 *
 * What a device that reads is sent is out at once; of one that does not, it stays unsent.
 */
export class FakeSocket {
  /** What has arrived at the device and was not looked at. */
  readonly arrived: Wire[] = [];
  readonly #unsent: { readonly frame: Wire; readonly bytes: number }[] = [];
  readonly #onWrite: (frame: Wire) => void;
  #unsentBytes = 0;
  #isReading = true;
  /** The most that was ever unsent, in bytes. */
  unsentMax = 0;
  hasEnded = false;

  constructor(onWrite: (frame: Wire) => void) {
    this.#onWrite = onWrite;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  send(message: string | Uint8Array): number {
    const text = typeof message === "string" ? message : new TextDecoder().decode(message);
    const frame = JSON.parse(text) as Wire;
    this.#onWrite(frame);
    if (this.#isReading) {
      this.arrived.push(frame);
      return SENT;
    }
    this.#unsent.push({ frame, bytes: text.length });
    this.#unsentBytes += text.length;
    this.unsentMax = Math.max(this.unsentMax, this.#unsentBytes);
    return UNSENT;
  }

  cork(write: () => void): void {
    write();
  }

  getBufferedAmount(): number {
    return this.#unsentBytes;
  }

  end(): void {
    this.hasEnded = true;
  }

  /** From now on what is sent stays unsent. */
  pause(): void {
    this.#isReading = false;
  }

  /** Reads what was unsent, and whatever follows. Tell the connection after it. */
  resume(): void {
    this.#isReading = true;
    for (const { frame } of this.#unsent.splice(0)) this.arrived.push(frame);
    this.#unsentBytes = 0;
  }
}
