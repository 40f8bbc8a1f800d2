import type { Wire } from "./fake-socket.ts";

interface Place {
  readonly epoch: string;
  offset: number;
}

/** A topic as a device knows it that is subscribed to it, or has been. */
interface Known {
  place: Place | undefined;
  isSubscribed: boolean;
  /** The request that waits for its answer. */
  asked: { readonly id: number; readonly since: Place | undefined } | undefined;
}

/** What a device checks of its topics: order, holes, and that `recovered` is true. */
export class SimulatedSubscriptions {
  readonly #topics = new Map<string, Known>();
  readonly #complain: (what: string) => void;
  /** Payload by topic, epoch and offset, as this device has seen it. */
  readonly seen = new Map<string, string>();
  recoveries = 0;
  holes = 0;

  constructor(complain: (what: string) => void) {
    this.#complain = complain;
  }

  /** What it may say of where it was, when it subscribes. */
  since(topic: string): { readonly epoch: string; readonly offset: number } | undefined {
    const place = this.#topics.get(topic)?.place;
    return place === undefined ? undefined : { ...place };
  }

  asks(topic: string, id: number, since: Place | undefined): void {
    const known = this.#known(topic);
    known.asked = { id, since };
    known.isSubscribed = false;
  }

  leaves(topic: string): void {
    const known = this.#known(topic);
    known.isSubscribed = false;
    known.asked = undefined;
  }

  /** Places by topic, of those that it is subscribed to. */
  get places(): ReadonlyMap<string, Place> {
    const places = new Map<string, Place>();
    for (const [topic, { isSubscribed, place }] of this.#topics) {
      if (isSubscribed && place !== undefined) places.set(topic, place);
    }
    return places;
  }

  get isWaiting(): boolean {
    return [...this.#topics.values()].some(({ asked }) => asked !== undefined);
  }

  connected(): void {
    this.dropped();
  }

  dropped(): void {
    for (const known of this.#topics.values()) {
      known.isSubscribed = false;
      known.asked = undefined;
    }
  }

  read(frame: Wire): void {
    switch (frame.type) {
      case "subscribed":
      case "resubscribed":
        return this.#subscribed(frame);
      case "publication":
        return this.#published(frame);
      case "error":
        return this.#refused(frame["id"] as number | undefined);
    }
  }

  #subscribed(frame: Wire): void {
    const { id, topic, epoch, offset, recovered } = frame as unknown as {
      readonly id?: number;
      readonly topic: string;
      readonly epoch: string;
      readonly offset: number;
      readonly recovered: boolean;
    };
    const known = this.#known(topic);
    if (id === undefined) {
      if (recovered) this.#complain(`was told of ${topic} that nothing is lost`);
      if (known.isSubscribed) known.place = { epoch, offset };
      return;
    }
    if (known.asked?.id !== id) return;
    const { since } = known.asked;
    known.asked = undefined;
    known.isSubscribed = true;
    if (!recovered) {
      known.place = { epoch, offset };
      return;
    }
    this.recoveries += 1;
    if (since?.epoch !== epoch) this.#complain(`recovered ${topic} of another epoch`);
    known.place = { epoch, offset: since?.offset ?? offset };
  }

  #published(frame: Wire): void {
    const {
      topic,
      offset,
      lost = 0,
    } = frame as unknown as {
      readonly topic: string;
      readonly offset: number;
      readonly lost?: number;
    };
    const known = this.#known(topic);
    // What was on its way when it left or asked anew counts for nothing.
    if (!known.isSubscribed) return;
    const place = known.place!;
    const expected = place.offset + 1 + lost;
    if (offset !== expected) {
      this.#complain(`got ${topic}#${offset} with ${lost} lost after #${place.offset}`);
    }
    this.holes += lost;
    place.offset = offset;
    this.seen.set(`${topic} ${place.epoch} ${offset}`, JSON.stringify(frame["payload"]));
  }

  #refused(id: number | undefined): void {
    for (const known of this.#topics.values()) {
      if (id !== undefined && known.asked?.id === id) known.asked = undefined;
    }
  }

  #known(topic: string): Known {
    let known = this.#topics.get(topic);
    if (known === undefined) {
      known = { place: undefined, isSubscribed: false, asked: undefined };
      this.#topics.set(topic, known);
    }
    return known;
  }
}
