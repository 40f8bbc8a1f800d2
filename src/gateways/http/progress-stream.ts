import { ExternalRef } from "../../actors/kernel/external.ts";
import type { Cancel } from "../../core/clock.ts";
import type { TaskState } from "../../core/task.ts";
import type { Api } from "./api.ts";
import type { EventSink } from "./route.ts";

const FINAL: readonly TaskState[] = ["stopped", "finished", "failed"];
/** What a client waits before it connects again, in milliseconds. */
const RETRY_MS = 2_000;
/** Heartbeats that a reader may be behind before it is let go. */
const BEHIND_MAX = 4;

/** What a stream of a task's progress is about. */
export interface Followed<Progress> {
  /** As `/http/campaigns/cmp_1/events`. */
  readonly path: string;
  /** Looks at the task itself. */
  read(): Promise<Progress>;
}

/**
 * The receiving end of a subscription: it keeps the latest progress only, so a slow reader
 * costs the memory of one.
 */
export class ProgressSubscriber<
  Progress extends { readonly state: TaskState },
> extends ExternalRef<Progress> {
  readonly path: string;
  readonly #followed: Followed<Progress>;
  readonly #api: Api;
  #sink: EventSink | undefined;
  #latest: Progress | undefined;
  #written: Progress | undefined;
  #events = 0;
  #behind = 0;
  #isBehind = false;
  #isClosed = false;
  #cancelHeartbeat: Cancel = () => {};

  constructor(followed: Followed<Progress>, api: Api) {
    super();
    this.#followed = followed;
    this.#api = api;
    this.path = followed.path;
  }

  send(progress: Progress): boolean {
    if (this.#isClosed) return false;
    this.#latest = progress;
    this.#write();
    return true;
  }

  open(sink: EventSink): void {
    this.#sink = sink;
    sink.onClosed(() => this.#close());
    sink.onDrained(() => {
      this.#isBehind = false;
      this.#behind = 0;
      this.#write();
    });
    sink.write(`retry: ${RETRY_MS}\n\n`);
    this.#beat();
    this.#write();
  }

  #write(): void {
    const progress = this.#latest;
    if (this.#sink === undefined || this.#isBehind) return;
    if (progress === undefined || progress === this.#written) return;
    this.#written = progress;
    const isFinal = FINAL.includes(progress.state);
    this.#event("progress", progress);
    if (!isFinal) return;
    this.#event("end", progress);
    this.#sink.end();
    this.#close();
  }

  #event(name: string, data: Progress): void {
    this.#events += 1;
    const text = `event: ${name}\nid: ${this.#events}\ndata: ${JSON.stringify(data)}\n\n`;
    if (this.#sink?.write(text) === false) this.#isBehind = true;
  }

  /**
   * Shows that the stream lives, and looks at the task itself: should its actor have been
   * restarted, the subscription is gone and nothing else would come.
   */
  #beat(): void {
    const { clock, limits } = this.#api;
    this.#cancelHeartbeat = clock.after(limits.heartbeatMs, () => {
      if (this.#isBehind) this.#behind += 1;
      else if (this.#sink?.write(": heartbeat\n\n") === false) this.#isBehind = true;
      if (this.#behind > BEHIND_MAX) {
        this.#sink?.end();
        this.#close();
        return;
      }
      this.#beat();
      this.#followed.read().then(
        (progress) => this.send(progress),
        // The next heartbeat asks again.
        () => {},
      );
    });
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelHeartbeat();
    // Its task watches it, and forgets it then.
    this.end("stopped");
  }
}
