import { RuntimeError, toRuntimeError } from "../../core/errors.ts";
import type { Counter, Histogram } from "../../core/metrics.ts";
import { type Api, askOf, HTTP_LIMITS, type HttpLimits, type HttpPorts, NOBODY } from "./api.ts";
import { checkInput } from "./check.ts";
import { headOf, writeOut } from "./download.ts";
import { errorAnswer, toHttpError } from "./error-answer.ts";
import { openSink } from "./event-sink.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { documentsOf, requestIdOf, withSafety } from "./headers.ts";
import { audited, authorize, type Job } from "./job.ts";
import { failedAnswer } from "./push/reply.ts";
import { type PushMatch, pushMatches, runPush } from "./push/serve.ts";
import { Quota } from "./quota.ts";
import type { Call, DownloadRoute, EventRoute, EventSink, Route, TextRoute } from "./route.ts";
import { Router } from "./router.ts";
import { ROUTES } from "./routes.ts";
import { callOf, runJson } from "./run-json.ts";
import { StatusSampler } from "./status/sampler.ts";
import { type App, serveExchanges } from "./uws-http.ts";

export interface HttpOptions extends HttpPorts {
  readonly app: App;
  readonly limits?: Partial<HttpLimits> | undefined;
}

/** The admin API on an app that somebody else listens with. */
export interface HttpGateway {
  /** Requests in work, and event streams open. */
  readonly load: { readonly requests: number; readonly streams: number };
  /**
   * Refuses new requests with `node.draining`, ends event streams, and resolves once nothing is
   * in work or the deadline has passed; then with how many requests were left.
   */
  drain(options: { readonly deadlineMs: number }): Promise<number>;
}

/** Refused changes by callers without a token that are recorded, so that they fill no disk. */
const NOBODY_RECORDS = { max: 60, perMs: 60_000 };
const BUSY_RETRY_MS = 1_000;
const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

interface Found {
  readonly route: Route;
  readonly params: Record<string, string>;
}

/** Registers the admin API as what takes every request that no other route of the app takes. */
export function openHttpGateway({ app, limits, ...ports }: HttpOptions): HttpGateway {
  const gateway = new Gateway(ports, { ...HTTP_LIMITS, ...limits });
  serveExchanges(app, (exchange) => void gateway.serve(exchange));
  return gateway;
}

class Gateway implements HttpGateway {
  readonly #api: Api;
  readonly #router = new Router(ROUTES);
  /** The routes of old callers by path; undefined when they are not served. */
  readonly #pushed: ReadonlyMap<string, PushMatch> | undefined;
  readonly #nobodyRecords: Quota;
  readonly #streams = new Set<EventSink>();
  readonly #answered = new Map<string, Counter>();
  readonly #seconds: Histogram;
  #requests = 0;
  #isDraining = false;
  #idle: (() => void)[] = [];

  constructor(ports: HttpPorts, limits: HttpLimits) {
    const ask = askOf(ports.system, limits);
    let documents: ReturnType<Api["documents"]> | undefined;
    this.#api = {
      ...ports,
      limits,
      ask,
      status: new StatusSampler(ports),
      documents: () => {
        documents ??= documentsOf(ROUTES);
        return documents;
      },
      reasonsNotReady: () => this.#reasonsNotReady(),
    };
    this.#nobodyRecords = new Quota({ ...NOBODY_RECORDS, clock: ports.clock });
    this.#pushed = ports.push === undefined ? undefined : pushMatches();
    const { metrics } = ports;
    metrics.observe("herald_http_requests", "Requests in work.", () => this.#requests);
    metrics.observe("herald_http_streams", "Event streams open.", () => this.#streams.size);
    const help = "Time from a request's head to its answer.";
    this.#seconds = metrics.histogram("herald_http_seconds", help, SECONDS);
  }

  get load(): HttpGateway["load"] {
    return { requests: this.#requests, streams: this.#streams.size };
  }

  /** Never rejects: whatever happens becomes an answer. */
  async serve(exchange: Exchange): Promise<void> {
    const { clock, logger, newId } = this.#api;
    const startedAt = clock.monotonic();
    const requestId = requestIdOf(exchange) ?? newId("req");
    let answer: Answer | undefined;
    let route: Route | undefined;
    const old = this.#pushed?.get(exchange.path);
    try {
      const match = old ?? this.#find(exchange, requestId);
      if ("status" in match) answer = match;
      else {
        route = match.route;
        answer = await this.#admitted({ params: {}, ...match, exchange, requestId });
      }
    } catch (thrown) {
      const error = toHttpError(thrown, requestId, logger);
      const isOld = old !== undefined;
      answer = isOld ? failedAnswer(error, requestId, this.#api) : errorAnswer(error, requestId);
    }
    this.#count(route, answer, clock.monotonic() - startedAt);
    if (answer !== undefined) exchange.answer(withSafety(answer, requestId, route));
  }

  async drain({ deadlineMs }: { readonly deadlineMs: number }): Promise<number> {
    this.#isDraining = true;
    for (const sink of [...this.#streams]) sink.end();
    if (this.#requests === 0) return 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    const cancel = this.#api.clock.after(deadlineMs, resolve);
    await promise;
    cancel();
    return this.#requests;
  }

  /** @throws RuntimeError `http.not-found`; answers a wrong method and OPTIONS itself. */
  #find({ method, path }: Exchange, requestId: string): Found | Answer {
    const match = this.#router.match(method, path);
    if (match.type === "found") return match;
    if (match.type === "unknown") {
      throw new RuntimeError("http.not-found", `there is nothing at ${path.slice(0, 200)}`);
    }
    const allow = match.methods.join(", ");
    if (method === "OPTIONS") return { status: 204, headers: { allow }, body: "" };
    const message = `${method.slice(0, 20)} is not among ${allow}`;
    const answer = errorAnswer(new RuntimeError("http.method-not-allowed", message), requestId);
    return { ...answer, headers: { ...answer.headers, allow } };
  }

  async #admitted(found: Pick<Job, "route" | "params" | "exchange" | "requestId" | "push">) {
    const { limits } = this.#api;
    if (found.route.isAlwaysServed !== true) {
      if (this.#isDraining) throw new RuntimeError("node.draining", "this node is stopping");
      if (this.#requests >= limits.requestsMax) {
        throw busy(`${this.#requests} requests are in work`);
      }
    }
    const target = found.params["id"] ?? "";
    const job: Job = { ...found, api: this.#api, caller: NOBODY, target, isRecorded: false };
    this.#requests += 1;
    try {
      return await audited(
        job,
        () => this.#nobodyRecords.take(),
        () => this.#work(job),
      );
    } finally {
      this.#requests -= 1;
      if (this.#requests === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  async #work(job: Job): Promise<Answer | undefined> {
    await authorize(job);
    const { route, push, api } = job;
    if (push !== undefined) return runPush(job, push, api.push!);
    switch (route.kind) {
      case "json":
        return runJson(job, route);
      case "text":
        return runText(job, route);
      case "events":
        return this.#openEvents(job, route);
      case "download":
        return this.#openDownload(job, route);
    }
  }

  async #openEvents(job: Job, route: EventRoute): Promise<Answer | undefined> {
    const { exchange, requestId } = job;
    const input = checkInput(route, { params: job.params, query: exchange.query });
    const head: Answer = { status: 200, headers: { "content-type": EVENTS }, body: "" };
    if (exchange.method === "HEAD") return head;
    if (this.#streams.size >= this.#api.limits.streamsMax) {
      throw busy(`${this.#streams.size} event streams are open`);
    }
    const start = await route.open(callOf(job, input) as Call<unknown, unknown, undefined>);
    const sink = openSink(exchange, withSafety(head, requestId, route));
    this.#streams.add(sink);
    sink.onClosed(() => this.#streams.delete(sink));
    start(sink);
    return undefined;
  }

  async #openDownload(job: Job, route: DownloadRoute): Promise<Answer | undefined> {
    const { exchange, requestId } = job;
    const input = checkInput(route, { params: job.params, query: exchange.query });
    if (this.#streams.size >= this.#api.limits.streamsMax) {
      throw busy(`${this.#streams.size} streams are open`);
    }
    const download = await route.open(callOf(job, input) as Call<unknown, unknown, undefined>);
    const head = withSafety(headOf(download), requestId, route);
    if (exchange.method === "HEAD") return head;
    const sink = openSink(exchange, head);
    this.#streams.add(sink);
    sink.onClosed(() => this.#streams.delete(sink));
    void writeOut(download.pieces, sink).catch((thrown: unknown) => {
      this.#api.logger.error("a download was cut", { requestId, cause: String(thrown) });
      sink.cut();
    });
    return undefined;
  }

  async #reasonsNotReady() {
    const { ask, actors, notReady } = this.#api;
    const reasons = [...(notReady?.() ?? [])];
    if (this.#isDraining) {
      reasons.push({ path: "node", expected: "a running node", got: "one that is stopping" });
    }
    try {
      await ask(actors.access, { type: "check-store" });
    } catch (thrown) {
      const { code, message } = toRuntimeError(thrown);
      const expected = "one that answers and can be written: look at the disk of node.dataDir";
      reasons.push({ path: "store", expected, got: `${code}: ${message}` });
    }
    return reasons;
  }

  #count(route: Route | undefined, answer: Answer | undefined, ms: number): void {
    const labels = {
      route: route === undefined ? "none" : `${route.method} ${route.path}`,
      status: String(answer?.status ?? 200),
    };
    const key = `${labels.route} ${labels.status}`;
    let counter = this.#answered.get(key);
    if (counter === undefined) {
      const help = "Requests answered, by route and status.";
      counter = this.#api.metrics.counter("herald_http_requests_total", help, labels);
      this.#answered.set(key, counter);
    }
    counter.add();
    this.#seconds.observe(ms / 1000);
  }
}

const EVENTS = "text/event-stream; charset=utf-8";

async function runText(job: Job, route: TextRoute): Promise<Answer> {
  checkInput(route, { params: job.params, query: job.exchange.query });
  const call = callOf(job, { params: {}, query: {}, body: undefined });
  const body = await route.render(call as Call<object, object, undefined>);
  return { status: 200, headers: { "content-type": route.mediaType }, body };
}

function busy(message: string): RuntimeError {
  return new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_RETRY_MS });
}
