import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import type { WebhookSettings } from "../../../src/core/config-providers.ts";
import type { ProviderItem } from "../../../src/providers/provider.ts";
import { webhookProvider } from "../../../src/providers/webhook/webhook.ts";

export const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

/** One request as it arrived. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  readonly batch: { readonly id: string; readonly ledger: string; readonly items: SentItem[] };
}

interface SentItem {
  readonly id: string;
  readonly member: string;
  readonly topic: string;
  readonly payload: unknown;
  readonly expiresAt: number;
}

/** What the sink does with a request: answers it, or leaves that to the test. */
export type Behavior = (arrived: Arrived, answer: Answerer) => void;

export interface Answerer {
  json(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  text(status: number, body: string, headers?: Readonly<Record<string, string>>): void;
  /** Resets the connection, as a process that is killed does. */
  reset(): void;
  readonly response: ServerResponse;
}

export const takeAll: Behavior = ({ batch }, answer) => {
  answer.json(200, { results: batch.items.map(({ id }) => ({ id, status: "ok" })) });
};

/** A server of a user's own on loopback, that records every request before it answers. */
export async function startSink(behavior: Behavior = takeAll, keepAliveMs = 60_000) {
  const requests: Arrived[] = [];
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  const sink = { behavior, connections: 0 };
  const server = createServer((request, response) => {
    void record(request).then((arrived) => {
      requests.push(arrived);
      for (const resolve of waiting.splice(0)) resolve();
      sink.behavior(arrived, answererOf(request, response));
    });
  });
  server.keepAliveTimeout = keepAliveMs;
  server.on("connection", (socket) => {
    sink.connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.resetAndDestroy();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(() => (server.listening ? stop() : undefined));
  return {
    url: `http://127.0.0.1:${port}/push?team=a`,
    port,
    requests,
    sockets,
    /** How many there have been. */
    connections: () => sink.connections,
    /** Ends at once, with every connection. */
    stop,
    set behavior(next: Behavior) {
      sink.behavior = next;
    },
    /** Resolves when so many requests have arrived. */
    async arrived(count: number): Promise<void> {
      while (requests.length < count) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

async function record(request: IncomingMessage): Promise<Arrived> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString("utf8");
  const headers = new Map(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
  const { method = "", url: path = "" } = request;
  return { method, path, headers, text, batch: JSON.parse(text) as Arrived["batch"] };
}

function answererOf(request: IncomingMessage, response: ServerResponse): Answerer {
  const text: Answerer["text"] = (status, body, headers = {}) => {
    response.writeHead(status, headers).end(body);
  };
  return {
    text,
    json: (status, body, headers) =>
      text(status, JSON.stringify(body), { "content-type": "application/json", ...headers }),
    reset: () => request.socket.resetAndDestroy(),
    response,
  };
}

/** A provider for a sink, closed with the test. */
export function providerFor(url: string, changes: Partial<WebhookSettings> = {}) {
  const provider = webhookProvider({
    settings: {
      ...{ name: "crm", url, secrets: [SECRET], maxBatch: 100, maxInFlight: 4, keyTtlMs: 0 },
      ...{ timeoutMs: 5_000, ratePerSecond: 0, receipts: false },
      ...changes,
    },
    clock: systemClock,
  });
  onTestFinished(() => provider.close());
  return provider;
}

export function messages(count: number, from = 0): ProviderItem[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `c1:1:0/0:${from + index}`,
    member: `m-${from + index}`,
    topic: "news",
    payload: `{"n":${from + index},"text":"ü🎉 \\"x\\""}`,
    ack: true,
    expiresAt: 1_800_000_000_000,
  }));
}

export function options(changes: { deadlineMs?: number; signal?: AbortSignal } = {}) {
  return {
    ledger: "campaign:c1:1",
    deadline: systemClock.monotonic() + (changes.deadlineMs ?? 60_000),
    fence: 1,
    signal: changes.signal ?? new AbortController().signal,
  };
}
