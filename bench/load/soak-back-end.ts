/** As many as one request may have. */
const MESSAGES_MAX = 500;

/** The operators' side of a soak: what it needs of the admin API. */
export class BackEnd {
  /** Pushes that were not recorded. */
  refused = 0;
  /** From the request to the answer that they are durable, at most. */
  slowestPushMs = 0;
  readonly #url: string;
  readonly #token: string;
  #messages: object[] = [];

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async bind(board: string, user: string): Promise<void> {
    await this.#call("PUT", `/v1/boards/${board}`, {});
    await this.#call("POST", `/v1/boards/${board}/bind`, { user });
  }

  async credential(who: object): Promise<string> {
    const topics = { subscribe: ["t.*"], publish: ["t.*"] };
    const wanted = { ttlMs: 86_400_000, ...topics, ...who };
    const { token } = await this.#call<{ token: string }>("POST", "/v1/tokens", wanted);
    return token;
  }

  /** What keys the board's channels over UDP. */
  async secret(board: string): Promise<Uint8Array> {
    const { secret } = await this.#call<{ secret: string }>("GET", `/v1/boards/${board}/secret`);
    return Buffer.from(secret, "base64url");
  }

  /** Sends it with the next flush. */
  push(to: string, n: number): void {
    this.#messages.push({ to: [to], topic: "soak", payload: { n } });
  }

  async flush(): Promise<void> {
    while (this.#messages.length > 0) {
      const messages = this.#messages.splice(0, MESSAGES_MAX);
      type Answer = { readonly items: readonly { readonly result: string }[] };
      const at = performance.now();
      const { items } = await this.#call<Answer>("POST", "/v1/push", { messages });
      this.slowestPushMs = Math.max(this.slowestPushMs, performance.now() - at);
      this.refused += items.filter(({ result }) => result !== "recorded").length;
    }
  }

  async #call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Answer;
  }
}
