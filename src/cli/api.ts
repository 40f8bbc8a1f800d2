import { ERRORS, type ErrorCode, type Problem, RuntimeError } from "../core/errors.ts";
import { type Upload, upload } from "./upload.ts";

/** Where a node is and what lets us in. */
export interface ApiOptions {
  readonly url: string;
  /** Undefined when none was found; the node then refuses what needs one. */
  readonly token: string | undefined;
}

interface ErrorBody {
  readonly error?: {
    readonly code?: string;
    readonly message?: string;
    readonly problems?: readonly Problem[];
    readonly retryAfterMs?: number;
  };
}

/** A running node's admin API, as the commands use it. */
export class ApiClient {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  get<T>(path: string): Promise<T> {
    return this.#json("GET", path);
  }

  /** Every POST carries a fresh idempotency key. */
  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#json("POST", path, body);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#json("PATCH", path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#json("PUT", path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.#json("DELETE", path);
  }

  /** Streams a file as a request body; `sent` is told of the bytes on their way so far. */
  async upload<T>(path: string, it: Pick<Upload, "file" | "mediaType" | "sent">): Promise<T> {
    const url = new URL(path, this.#options.url);
    try {
      const { status, text } = await upload({ url, headers: this.#headers("POST"), ...it });
      return this.#result(status, text);
    } catch (cause) {
      throw cause instanceof RuntimeError ? cause : this.#unreachable(cause);
    }
  }

  /** The events of a server-sent stream, until the server ends it. */
  async *events(path: string): AsyncGenerator<{ event: string; data: string }> {
    const response = await this.#fetch("GET", path, { accept: "text/event-stream" });
    if (!response.ok || response.body === null) {
      this.#result(response.status, await response.text());
      return;
    }
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#chunks(response.body)) {
      rest += decoder.decode(chunk, { stream: true });
      const blocks = rest.split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const field = (name: string) =>
          block
            .split("\n")
            .filter((line) => line.startsWith(`${name}:`))
            .map((line) => line.slice(name.length + 1).trimStart())
            .join("\n");
        const data = field("data");
        if (data !== "") yield { event: field("event") || "message", data };
      }
    }
  }

  /** The pieces of an answer of any length, as they come. */
  async *download(path: string): AsyncGenerator<Uint8Array> {
    const response = await this.#fetch("GET", path, {});
    if (!response.ok || response.body === null) {
      this.#result(response.status, await response.text());
      return;
    }
    yield* this.#chunks(response.body);
  }

  async *#chunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (cause) {
      throw this.#lost(cause);
    }
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "content-type": "application/json" };
    const response = await this.#fetch(method, path, headers, text);
    const answer = await response.text().catch((cause: unknown) => {
      throw this.#lost(cause);
    });
    return this.#result(response.status, answer);
  }

  async #fetch(method: string, path: string, headers: Record<string, string>, body?: string) {
    try {
      return await fetch(new URL(path, this.#options.url), {
        method,
        headers: { ...this.#headers(method), ...headers },
        ...(body === undefined ? {} : { body }),
      });
    } catch (cause) {
      throw this.#unreachable(cause);
    }
  }

  #headers(method: string): Record<string, string> {
    const { token } = this.#options;
    return {
      ...(method === "POST" ? { "idempotency-key": crypto.randomUUID() } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  #result<T>(status: number, text: string): T {
    if (status >= 200 && status < 300) return (text === "" ? {} : JSON.parse(text)) as T;
    throw toError(status, text);
  }

  #lost(cause: unknown): RuntimeError {
    const message = `the connection to ${this.#options.url} was lost`;
    return new RuntimeError("node.unreachable", message, { cause });
  }

  #unreachable(cause: unknown): RuntimeError {
    const { url } = this.#options;
    return new RuntimeError("node.unreachable", `no node answers at ${url}`, { cause });
  }
}

function toError(status: number, text: string): RuntimeError {
  let body: ErrorBody = {};
  try {
    body = JSON.parse(text) as ErrorBody;
  } catch {
    return new RuntimeError("internal", `the node answered ${status}: ${text.slice(0, 200)}`);
  }
  const { code, message, problems, retryAfterMs } = body.error ?? {};
  return new RuntimeError(knownCode(code), message ?? `the node answered ${status}`, {
    ...(problems === undefined ? {} : { problems }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The code that a node has told; `internal` for one that only a newer Herald knows. */
export function knownCode(code: string | undefined): ErrorCode {
  return code !== undefined && code in ERRORS ? (code as ErrorCode) : "internal";
}
