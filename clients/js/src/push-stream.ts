import { AckQueue } from "./acks.ts";
import type { Cancel } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { Deliveries, type DeliveryEvents, type Push, ReceivedPush } from "./delivery.ts";
import { clientError, type HeraldError } from "./errors.ts";
import type { Gap } from "./events.ts";
import type { PushFrame, WelcomeFrame } from "./frames.ts";
import { Offsets } from "./offsets.ts";
import type { Settings } from "./options.ts";
import { type SavedState, saveState, userOf } from "./storage.ts";

/** Offsets in one ack frame; the server takes up to 1 000. */
const ACK_OFFSETS_MAX = 500;
/** Bytes of an ack without its offsets, and of one offset: 2^53 and a comma, as text. */
const ACK_BYTES = 32;
const OFFSET_BYTES_MAX = 17;

/** Sums since the client was made. */
export interface ClientCounters {
  /** Push frames that arrived. */
  received: number;
  /** Pushes that the application handled. */
  handled: number;
  /** Pushes on which `onPush` threw, or whose loop was left. */
  failed: number;
  /** Push frames that were repeats of something known, and were not given out again. */
  repeated: number;
  /** Volatile pushes that found no room. */
  dropped: number;
  /** Welcomes. */
  connects: number;
}

/** What the stream asks of and tells its client. */
export interface PushStreamOwner {
  /** A connection that takes frames, if there is one. */
  connection(): Connection | undefined;
  /** More is unhandled than allowed; `relieved` follows when half of it is done. */
  overflowed(): void;
  relieved(): void;
  gap(gap: Gap): void;
  error(error: HeraldError): void;
}

/** The user's pushes on this device: in order, each once, acked when handled. */
export class PushStream implements DeliveryEvents {
  readonly counters: ClientCounters = {
    received: 0,
    handled: 0,
    failed: 0,
    repeated: 0,
    dropped: 0,
    connects: 0,
  };
  readonly #settings: Settings;
  readonly #owner: PushStreamOwner;
  readonly #deliveries: Deliveries;
  readonly #acks = new AckQueue();
  #offsets = new Offsets();
  #history = 0;
  #user: string | undefined;
  #resume: string | undefined;
  /** The end of the last gap that was told, so that it is told once. */
  #gapUpTo = -1;
  #cancelFlush: Cancel | undefined;
  #saving: Promise<void> | undefined;
  #behind = false;
  #stopped = false;

  constructor(settings: Settings, owner: PushStreamOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#deliveries = new Deliveries(settings.onPush, settings.manual);
  }

  /** Continues where an earlier run of this device was. */
  restore(saved: SavedState | undefined): void {
    if (saved === undefined || saved.device !== this.#settings.device) return;
    this.#user = saved.user;
    this.#resume = saved.resume;
    this.#offsets = new Offsets(saved);
  }

  /** Where a login with this credential continues; another user begins afresh. */
  resumption(credential: string): { readonly resume?: string; readonly offset?: number } {
    const user = userOf(credential);
    if (this.#user !== undefined && user !== undefined && user !== this.#user) {
      this.#forget();
      this.#resume = undefined;
    }
    this.#user = user ?? this.#user;
    const offset = this.#offsets.handledUpTo;
    return {
      ...(this.#resume === undefined ? {} : { resume: this.#resume }),
      ...(offset === undefined ? {} : { offset }),
    };
  }

  welcomed({ gap, head, resume }: WelcomeFrame): void {
    this.counters.connects += 1;
    this.#resume = resume;
    const reset = head < this.#offsets.received;
    if (reset) {
      this.#forget();
      this.#owner.gap({ after: -1, upTo: head, reset: true });
    } else if (gap !== undefined && gap.upTo > this.#gapUpTo) {
      this.#owner.gap({ after: gap.after, upTo: gap.upTo, reset: false });
    }
    this.#gapUpTo = gap?.upTo ?? this.#gapUpTo;
    this.#offsets.connected();
    this.#acks.again();
    this.#flush();
  }

  pushed(frame: PushFrame): void {
    if (this.#stopped || this.#behind) return;
    this.counters.received += 1;
    const { offset } = frame;
    if (this.#isFull(offset)) return this.#overflow(offset);
    const verdict = offset === undefined ? "new" : this.#offsets.receive(offset);
    if (verdict === "new") {
      this.#deliveries.offer(new ReceivedPush(frame, this.#history, this));
      return;
    }
    this.counters.repeated += 1;
    if (verdict === "handled" && frame.ack && offset !== undefined) this.#ack(offset);
  }

  pinged(id: number): void {
    this.#acks.pinged(id);
  }

  ponged(id: number): void {
    this.#acks.ponged(id);
  }

  /** The server refused a frame that may have been an ack: they go again after a pause. */
  refused(retryAfterMs: number): void {
    this.#acks.again();
    this.#cancelFlush?.();
    this.#flushAfter(retryAfterMs);
  }

  handled(push: ReceivedPush): void {
    this.counters.handled += 1;
    if (push.offset !== undefined && push.history === this.#history) {
      this.#offsets.handled(push.offset);
      if (push.ackWanted) this.#ack(push.offset);
      else this.#flushSoon();
    }
    this.#relieve();
  }

  failed(push: ReceivedPush, cause: unknown): void {
    this.counters.failed += 1;
    if (cause !== undefined) {
      this.#owner.error(clientError("client.handler", `onPush failed on ${push.id}`, cause));
    }
    if (!push.acked) this.#giveBack(push);
    this.#relieve();
  }

  /** @throws HeraldError `client.busy` when `onPush` or another loop has the pushes. */
  pushes(): AsyncGenerator<Push, void, undefined> {
    return this.#deliveries.iterate();
  }

  /** Gives out nothing more; resolves when what was given out has been handled. */
  stop(): Promise<void> | undefined {
    this.#stopped = true;
    return this.#deliveries.close();
  }

  /** Saves and acks what is left, at once where the storage allows that. */
  finish(): Promise<void> | undefined {
    this.#cancelFlush?.();
    if (this.#saving !== undefined) return this.#saving.then(() => this.finish());
    this.#flush();
    return this.#saving;
  }

  #isFull(offset: number | undefined): boolean {
    const { unhandledMax } = this.#settings;
    if (this.#deliveries.waiting >= unhandledMax) return true;
    if (offset === undefined || this.#offsets.unhandled < unhandledMax) return false;
    return this.#offsets.judge(offset) === "new" && !this.#offsets.hasFailed(offset);
  }

  #overflow(offset: number | undefined): void {
    const text = `${this.#settings.unhandledMax} pushes are not handled`;
    if (offset === undefined) {
      this.counters.dropped += 1;
      return this.#owner.error(clientError("client.behind", `${text}; a volatile one is dropped`));
    }
    this.#behind = true;
    this.#owner.error(clientError("client.behind", `${text}; the connection is let go`));
    this.#owner.overflowed();
    this.#relieve();
  }

  #relieve(): void {
    const waiting = Math.max(this.#offsets.waiting, this.#deliveries.waiting);
    if (!this.#behind || waiting > this.#settings.unhandledMax / 2) return;
    this.#behind = false;
    this.#owner.relieved();
  }

  /** A push that nobody acks is not repeated, so failing on it is the end of it. */
  #giveBack({ ackWanted, history, offset }: ReceivedPush): void {
    if (offset === undefined || history !== this.#history) return;
    if (ackWanted) this.#offsets.failed(offset);
    else this.#offsets.handled(offset);
    this.#flushSoon();
  }

  #forget(): void {
    this.#offsets = new Offsets();
    this.#acks.clear();
    this.#history += 1;
    this.#gapUpTo = -1;
  }

  #ack(offset: number): void {
    this.#acks.add(offset);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#cancelFlush === undefined) this.#flushAfter(this.#settings.ackDelayMs);
  }

  #flushAfter(delayMs: number): void {
    this.#cancelFlush = this.#settings.clock.after(delayMs, () => this.#flush());
  }

  /** Saves first, then acks: what the server stops repeating is known to the next run. */
  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    if (this.#saving !== undefined) return this.#flushSoon();
    const count = this.#acks.size;
    const { storage } = this.#settings;
    const saving =
      storage && saveState(storage, this.#state(), (error) => this.#owner.error(error));
    if (saving === undefined) return this.#sendAcks(count);
    this.#saving = saving.then(() => {
      this.#saving = undefined;
      this.#sendAcks(count);
    });
  }

  #state(): SavedState {
    return {
      version: 1,
      device: this.#settings.device,
      ...(this.#user === undefined ? {} : { user: this.#user }),
      ...(this.#resume === undefined ? {} : { resume: this.#resume }),
      ...this.#offsets.save(),
    };
  }

  #sendAcks(count: number): void {
    for (let left = count; left > 0 && this.#acks.size > 0; ) {
      const connection = this.#owner.connection();
      if (connection === undefined) return;
      const room = Math.floor((connection.frameBytesMax - ACK_BYTES) / OFFSET_BYTES_MAX);
      const offsets = this.#acks.take(Math.max(1, Math.min(left, ACK_OFFSETS_MAX, room)));
      connection.send({ type: "ack", offsets });
      left -= offsets.length;
    }
  }
}
