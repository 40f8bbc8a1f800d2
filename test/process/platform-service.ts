/** A user's own service that decides about devices, written from the documents alone. */
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";
import { ROOT } from "./herald.ts";

/** What the service was asked, once its signature was found genuine. */
export interface Question {
  readonly ask: string;
  readonly id: string;
  readonly [field: string]: unknown;
}

/** Answers one question. */
export type Decide = (question: Question, response: ServerResponse) => void;

export const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

export function say(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

export const allow: Decide = (_, response) => say(response, 200, { allow: true });

type IsGenuine = (request: {
  readonly headers: object;
  readonly body: Buffer;
  readonly secret: string;
  readonly now: number;
}) => boolean;

/** The code that docs/providers.md prints, as who copies it has it. */
async function recipe(): Promise<IsGenuine> {
  const [, code] = /```js\n(.*?)```/s.exec(readFileSync(`${ROOT}docs/providers.md`, "utf8"))!;
  const module = `data:text/javascript,${encodeURIComponent(code!)}`;
  return ((await import(module)) as { isGenuine: IsGenuine }).isGenuine;
}

export class PlatformService {
  readonly questions: Question[] = [];
  /** Requests whose signature was not genuine, or too old by this service's clock. */
  strangers = 0;
  /** By how much this service's clock is ahead, in milliseconds. */
  aheadMs = 0;
  decide: Decide = allow;
  port = 0;
  #sockets = new Set<Socket>();
  #server = createServer();

  static async start(): Promise<PlatformService> {
    const service = new PlatformService();
    const isGenuine = await recipe();
    service.#server.on("connection", (socket) => {
      service.#sockets.add(socket);
      socket.on("close", () => service.#sockets.delete(socket));
    });
    service.#server.on("request", async (request, response) => {
      const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
      const now = Date.now() + service.aheadMs;
      if (!isGenuine({ headers: request.headers, body, secret: SECRET, now })) {
        service.strangers += 1;
        return say(response, 401, {});
      }
      const question = JSON.parse(body.toString()) as Question;
      service.questions.push(question);
      if (request.url !== `/herald/${question.ask}`) throw new Error(`asked at ${request.url}`);
      service.decide(question, response);
    });
    await service.listen();
    onTestFinished(() => service.die());
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/herald`;
  }

  /** What it was asked since the last time, in order. */
  takeAsks(): string[] {
    return this.questions.splice(0).map(({ ask }) => ask);
  }

  /** Comes back where it was. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) =>
      this.#server.listen(this.port, "127.0.0.1", () => resolve()),
    );
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends at once, with every connection. */
  async die(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
