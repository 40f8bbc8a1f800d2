import type { Random } from "../../src/core/random.ts";
import type { OpenWire, Wire } from "./wire.ts";

/** What all phones have seen. */
export interface Watching {
  /** From a change to its announcement, in milliseconds. */
  readonly took: number[];
  /** Announcements of what had been announced. */
  twice: number;
  /** Announcements of what had not happened, and ends of connections that nobody wanted. */
  wrong: number;
  firstWrong: string;
}

export interface BoardPlace {
  readonly wire: OpenWire;
  readonly board: string;
  readonly credential: string;
  readonly device: string;
}

/** The node announces four changes in ten seconds at once: `presence` of the configuration. */
const CHANGES_MAX = 4;
const WINDOW_MS = 10_500;

/** A board that comes and goes, and knows what its phone has to be told of that. */
export class WatchedBoard {
  readonly #place: BoardPlace;
  readonly #found: Watching;
  #wire: Wire | undefined;
  #resume: unknown;
  /** Whether it has been welcomed: before, it has nothing to leave. */
  #isHere = false;
  #expected: { readonly event: string; readonly since: number } | undefined;
  #last = "device.offline";
  #changedAt: number[] = [];

  constructor(place: BoardPlace, found: Watching) {
    this.#place = place;
    this.#found = found;
  }

  /** Whether its last change has not been announced. */
  get isWaiting(): boolean {
    return this.#expected !== undefined;
  }

  get mayChange(): boolean {
    if (this.#expected !== undefined || this.#isHere !== (this.#wire !== undefined)) return false;
    const from = performance.now() - WINDOW_MS;
    this.#changedAt = this.#changedAt.filter((at) => at > from);
    return this.#changedAt.length < CHANGES_MAX;
  }

  /** Connects or leaves: with its session or for a moment, with a word or without. */
  change(random: Random): void {
    const since = performance.now();
    this.#changedAt.push(since);
    const event = this.#wire === undefined ? "device.online" : "device.offline";
    this.#expected = { event, since };
    if (this.#wire === undefined) return this.#connect(random() < 0.5);
    const wire = this.#wire;
    this.#wire = undefined;
    this.#isHere = false;
    if (random() < 0.5) wire.drop();
    else wire.sayGoodBye();
  }

  /** What its phone was told. */
  announced(payload: unknown): void {
    const { event, about } = payload as { readonly event: string; readonly about: string };
    const { event: expected, since = 0 } = this.#expected ?? {};
    if (about !== `board:${this.#place.board}`) return this.#isWrong(payload);
    if (event === expected) {
      this.#found.took.push(performance.now() - since);
      this.#last = event;
      this.#expected = undefined;
    } else if (event === this.#last) this.#found.twice += 1;
    else this.#isWrong(payload);
  }

  #connect(continues: boolean): void {
    const { wire, credential, device } = this.#place;
    const resume = continues && this.#resume !== undefined ? { resume: this.#resume } : {};
    const own = wire({
      onOpen: () => own.send({ type: "hello", device, credential, ...resume }),
      onFrame: (frame) => {
        if (frame.type === "push") own.send({ type: "ack", offsets: [frame["offset"]] });
        if (frame.type !== "welcome" || this.#wire !== own) return;
        this.#isHere = true;
        this.#resume = frame["resume"];
      },
      onClose: (code) => {
        if (this.#wire === own) this.#isWrong(`a board's connection ended with ${code}`);
      },
    });
    this.#wire = own;
  }

  #isWrong(what: unknown): void {
    this.#found.wrong += 1;
    this.#found.firstWrong ||= JSON.stringify(what);
  }
}
