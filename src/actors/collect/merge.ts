import { partitionOf } from "../../core/hash.ts";
import type { AudienceStore, PageRun } from "../../persistence/ports/audience.ts";
import type { Recipient } from "./messages.ts";
import { compare } from "./recipients.ts";

type Pages = Pick<AudienceStore, "page" | "runs">;

/** A recipient of a frozen audience, and the time zone that its page is in. */
export interface Placed {
  readonly recipient: Recipient;
  readonly zone: string;
}

/** A part of a frozen audience: those of one of `partitions` hash partitions. */
export interface Part {
  readonly audience: string;
  /** How many partitions the audience itself has; fewer are cut by `partitions`. */
  readonly own: number;
  readonly partition: number;
  readonly partitions: number;
}

/** A member and who of the operands has it: what the first of them says counts. */
export interface Merged extends Placed {
  /** The operands that have this member, in their order. */
  readonly operands: readonly number[];
}

/**
 * Goes through one partition of several audiences side by side, in the order of members.
 *
 * A partition's pages are sorted within each time zone, so each operand is as many sorted streams
 * as it has zones there. One page of each stream is in memory, however large the audiences are.
 */
export async function* mergeParts(
  parts: readonly Part[],
  pages: Pages,
  signal: AbortSignal,
): AsyncGenerator<Merged> {
  const heap = new Heap();
  for (const [operand, part] of parts.entries()) {
    for (const run of await pages.runs(part.audience, part.partition & (part.own - 1))) {
      const stream = new Stream(operand, part, run, pages);
      if (stream.isEmpty) await stream.load(signal);
      if (!stream.isEmpty) heap.add(stream);
    }
  }
  for (let stream = heap.first; stream !== undefined; stream = heap.first) {
    const { recipient, zone } = stream;
    const operands: number[] = [];
    let same: Stream | undefined = stream;
    while (same !== undefined && same.recipient.member === recipient.member) {
      if (operands.at(-1) !== same.operand) operands.push(same.operand);
      same.at += 1;
      if (same.isEmpty) await same.load(signal);
      heap.sinkFirst();
      same = heap.first;
    }
    yield { recipient, zone, operands };
  }
}

/** The pages of one time zone of a partition, one at a time. Changed in place. */
class Stream {
  readonly operand: number;
  readonly zone: string;
  readonly #part: Part;
  readonly #run: PageRun;
  readonly #pages: Pages;
  #recipients: readonly Recipient[] = [];
  #read = 0;
  at = 0;

  constructor(operand: number, part: Part, run: PageRun, pages: Pages) {
    this.operand = operand;
    this.zone = run.zone;
    this.#part = part;
    this.#run = run;
    this.#pages = pages;
  }

  get isEmpty(): boolean {
    return this.at >= this.#recipients.length;
  }

  /** Who is next. Only when it is not empty. */
  get recipient(): Recipient {
    return this.#recipients[this.at]!;
  }

  /** Reads pages until there is somebody; it stays empty at the end. */
  async load(signal: AbortSignal): Promise<void> {
    const { audience, own, partition, partitions } = this.#part;
    while (this.isEmpty && this.#read < this.#run.pages) {
      signal.throwIfAborted();
      const k = this.#run.first + this.#read;
      const page = await this.#pages.page(audience, { partition: partition & (own - 1), k });
      const all = page?.recipients ?? [];
      this.#recipients =
        own >= partitions
          ? all
          : all.filter(({ member }) => partitionOf(member, partitions) === partition);
      this.#read += 1;
      this.at = 0;
    }
  }
}

/** Streams that are not empty, the one that comes next at hand. */
class Heap {
  readonly #streams: Stream[] = [];

  get first(): Stream | undefined {
    return this.#streams[0];
  }

  add(stream: Stream): void {
    const streams = this.#streams;
    let at = streams.push(stream) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(stream, streams[parent]!)) break;
      streams[at] = streams[parent]!;
      at = parent;
    }
    streams[at] = stream;
  }

  /** Puts the first one, which has moved on, where it belongs now; or lets go of it at its end. */
  sinkFirst(): void {
    const streams = this.#streams;
    const isOver = streams[0]!.isEmpty;
    const moved = isOver ? streams.pop()! : streams[0]!;
    // The first one was the last of them, too.
    if (streams.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= streams.length) break;
      if (child + 1 < streams.length && isBefore(streams[child + 1]!, streams[child]!)) child += 1;
      if (!isBefore(streams[child]!, moved)) break;
      streams[at] = streams[child]!;
      at = child;
    }
    streams[at] = moved;
  }
}

/** By member; of equals, the first operand comes first. */
function isBefore(a: Stream, b: Stream): boolean {
  const order = compare(a.recipient.member, b.recipient.member);
  return order < 0 || (order === 0 && a.operand < b.operand);
}
