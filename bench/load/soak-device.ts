import type { Frame, OpenWire, Wire } from "./wire.ts";

/** What all devices of a soak have done, and what was not as it should be. */
export class SoakCounts {
  connects = 0;
  /** Of them, over UDP, and in MessagePack over WebSocket. */
  udpConnects = 0;
  msgpackConnects = 0;
  resumes = 0;
  /** Resumes over another transport than before. */
  crossings = 0;
  drops = 0;
  goodByes = 0;
  pushes = 0;
  acks = 0;
  sends = 0;
  answers = 0;
  /** Sends that were told why nobody answered. */
  errors = 0;
  publishes = 0;
  publications = 0;
  statuses = 0;
  /** Messages of the other of the pair that wanted an answer. */
  questions = 0;
  /** Pushes that came again without saying so. */
  repeats = 0;
  /** Publications that were left out, or came twice. */
  holes = 0;
  /** Over WebSocket, from the call to the welcome, at most. */
  slowestLogInMs = 0;
  /** Frames, and answers to requests, that make no sense. */
  wrong = 0;
  /** What was wrong the first time. */
  firstWrong = "";
  /** Ends of connections that we did not make, by code. */
  readonly unexplained: Record<string, number> = {};

  isWrong(what: unknown): void {
    this.wrong += 1;
    this.firstWrong ||= JSON.stringify(what);
  }
}

export interface SoakPlace {
  /** What carries it: the next one with each connection, and again from the first. */
  readonly wires: readonly SoakWire[];
  /** Its name among the devices of its user. */
  readonly device: string;
  /** Whom it asks. */
  readonly other?: string;
  /** What it subscribes and publishes to. */
  readonly topic?: string;
}

interface SoakWire {
  readonly name: "json" | "msgpack" | "udp";
  readonly open: OpenWire;
  /** What its hello says of who it is; over UDP the channel has said so. */
  readonly credential?: string;
}

/** Why a request may end without an answer: the other one is away for a moment, or busy. */
const EXPECTED_ERRORS = ["route.offline", "route.timeout", "route.too-many"];
const ANSWER_WITHIN_MS = 5_000;

/** A device of a soak: it does what it is told to, and checks everything that it gets. */
export class SoakDevice {
  /** Pushes that it must get. */
  readonly expected = new Set<number>();
  /** Requests without an answer so far. */
  readonly asked = new Set<number>();
  /** Requests that a drop may have lost on the wire: they have an answer, or none. */
  readonly #doubtful = new Set<number>();
  isHere = false;
  readonly #place: SoakPlace;
  readonly #counts: SoakCounts;
  #carrier: SoakWire;
  #wire: Wire | undefined;
  #connects = 0;
  #connectsAt = 0;
  #last: SoakWire["name"] | undefined;
  #leaving: "drop" | "good-bye" | undefined;
  #resume: string | undefined;
  #handledUpTo: number | undefined;
  #requests = 0;
  #epoch: unknown;
  #offset: number | undefined;
  #pinged: (() => void) | undefined;
  #away: (() => void) | undefined;

  constructor(place: SoakPlace, counts: SoakCounts) {
    this.#place = place;
    this.#counts = counts;
    this.#carrier = place.wires[0]!;
  }

  /** Connects and continues where it was; resolves when it is welcome, or cannot be. */
  connect(): Promise<void> {
    const { wires } = this.#place;
    this.#leaving = undefined;
    this.#connectsAt = performance.now();
    this.#carrier = wires[this.#connects++ % wires.length]!;
    return new Promise((resolve) => {
      this.#wire = this.#carrier.open({
        onOpen: () => this.#sayHello(),
        onFrame: (frame) => {
          if (frame.type === "welcome") {
            this.#welcome(frame);
            resolve();
          } else this.#take(frame);
        },
        onClose: (code) => {
          this.#closed(code);
          resolve();
        },
      });
    });
  }

  /** Leaves without a word, or for good; resolves when the connection has ended. */
  leave(how: "drop" | "good-bye"): Promise<void> {
    this.isHere = false;
    this.#leaving = how;
    const left = new Promise<void>((resolve) => {
      this.#away = resolve;
    });
    if (how === "drop") {
      this.#counts.drops += 1;
      for (const id of this.asked) this.#doubtful.add(id);
      this.asked.clear();
      this.#wire?.drop();
    } else {
      this.#counts.goodByes += 1;
      this.#resume = undefined;
      // What its session had on its way ends with it.
      this.asked.clear();
      this.#doubtful.clear();
      this.#wire?.sayGoodBye();
    }
    return left;
  }

  ask(): void {
    this.#counts.sends += 1;
    const id = this.#nextId();
    this.asked.add(id);
    const { other: to } = this.#place;
    this.#send({ type: "send", id, to, payload: id, answerWithinMs: ANSWER_WITHIN_MS });
  }

  publish(): void {
    this.#counts.publishes += 1;
    const { topic } = this.#place;
    this.#send({ type: "publish", id: this.#nextId(), topic, payload: "news" });
  }

  /** Resolves when everything that it has sent has been handled. */
  ping(): Promise<void> {
    return new Promise((resolve) => {
      this.#pinged = resolve;
      if (this.isHere) this.#send({ type: "ping", id: this.#nextId() });
      else resolve();
    });
  }

  #nextId(): number {
    this.#requests += 1;
    return this.#requests;
  }

  #send(frame: object): void {
    this.#wire?.send(frame);
  }

  #sayHello(): void {
    const { credential } = this.#carrier;
    this.#send({
      ...{ type: "hello", device: this.#place.device },
      ...(credential === undefined ? {} : { credential }),
      ...(this.#resume === undefined ? {} : { resume: this.#resume }),
      ...(this.#handledUpTo === undefined ? {} : { offset: this.#handledUpTo }),
    });
  }

  #welcome({ resume, recovered }: Frame): void {
    this.isHere = true;
    const { name } = this.#carrier;
    this.#counts.connects += 1;
    const tookMs = performance.now() - this.#connectsAt;
    if (name === "udp") this.#counts.udpConnects += 1;
    else this.#counts.slowestLogInMs = Math.max(this.#counts.slowestLogInMs, tookMs);
    if (name === "msgpack") this.#counts.msgpackConnects += 1;
    if (this.#resume !== undefined) {
      this.#counts.resumes += 1;
      if (this.#last !== name) this.#counts.crossings += 1;
      // The session keeps what was missed: nothing may be said to be gone.
      if (this.#handledUpTo !== undefined && recovered !== true) this.#counts.isWrong("a gap");
    }
    this.#last = name;
    this.#resume = String(resume);
    const { topic } = this.#place;
    if (topic === undefined) return;
    const place = this.#offset === undefined ? {} : { epoch: this.#epoch, offset: this.#offset };
    this.#send({ type: "subscribe", id: this.#nextId(), topic, ...place });
  }

  #closed(code: number | undefined): void {
    this.isHere = false;
    this.#pinged?.();
    if (this.#leaving === undefined) {
      const { unexplained } = this.#counts;
      unexplained[code ?? "none"] = (unexplained[code ?? "none"] ?? 0) + 1;
    }
    this.#away?.();
    this.#away = undefined;
  }

  #take(frame: Frame): void {
    if (this.#leaving !== undefined) return;
    switch (frame.type) {
      case "push":
        return this.#push(frame);
      case "publication":
        return this.#publication(frame);
      case "subscribed":
      case "resubscribed":
        if (frame["recovered"] !== true) this.#offset = frame["offset"] as number;
        this.#epoch = frame["epoch"];
        return;
      case "message":
        this.#counts.questions += 1;
        return this.#send({ type: "answer", request: frame["request"], payload: "done" });
      case "answer":
        this.#counts.answers += 1;
        return this.#answered(frame);
      case "error":
        this.#counts.errors += 1;
        if (!EXPECTED_ERRORS.includes(String(frame["code"]))) this.#counts.isWrong(frame);
        return this.#answered(frame);
      case "published":
        return;
      case "pong":
        return this.#pinged?.();
      default:
        this.#counts.isWrong(frame);
    }
  }

  #answered(frame: Frame): void {
    const id = frame["id"] as number;
    const isKnown = this.asked.delete(id) || this.#doubtful.delete(id);
    if (!isKnown) this.#counts.isWrong(frame);
  }

  #push({ offset, payload, redelivered, topic }: Frame): void {
    // Who comes and goes is told to who is there, and to nobody later.
    if (offset === undefined && topic === "herald.status") {
      this.#counts.statuses += 1;
      return;
    }
    const at = offset as number;
    this.#counts.acks += 1;
    this.#send({ type: "ack", offsets: [at] });
    if (this.#handledUpTo !== undefined && at <= this.#handledUpTo) {
      if (redelivered !== true) this.#counts.repeats += 1;
      return;
    }
    this.#handledUpTo = at;
    const { n } = payload as { n?: number };
    if (n !== undefined && !this.expected.delete(n)) this.#counts.isWrong({ n, topic });
  }

  #publication({ offset, lost = 0 }: Frame): void {
    this.#counts.publications += 1;
    const next = (this.#offset ?? 0) + (lost as number) + 1;
    if (offset !== next) this.#counts.holes += 1;
    this.#offset = offset as number;
  }
}
