/**
 * The test kit: an actor system on virtual time, and probes that record what they are sent.
 *
 * ```ts
 * const { system, settle, advance } = testSystem();
 * const asker = probe<Reply>();
 * system.spawn(counterType, { name: "c", state: 0 }).send({ type: "add", replyTo: asker });
 * await settle();
 * expect(asker.received).toEqual([{ type: "sum", value: 1 }]);
 * ```
 */
import type { DeadLetter } from "../../src/actors/kernel/actor.ts";
import { ExternalRef } from "../../src/actors/kernel/external.ts";
import {
  type ActorSystem,
  createSystem,
  type SystemPorts,
} from "../../src/actors/kernel/system.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { noMetrics } from "../../src/core/metrics.ts";
import { seededRandom } from "../../src/core/random.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Turns of the event loop without any progress after which effects count as waiting. */
const QUIET_ROUNDS = 20;

export interface TestSystemOptions
  extends Partial<Omit<SystemPorts, "random" | "clock" | "onDeadLetter">> {
  /** Of `ctx.random`. Default 1. */
  readonly seed?: number;
  readonly clock?: VirtualClock;
  /** Lets crashes and escalations happen: they are recorded only. Default false. */
  readonly crashesAllowed?: boolean;
}

export interface TestSystem {
  readonly system: ActorSystem;
  readonly clock: VirtualClock;
  /** Every dead letter so far. */
  readonly deadLetters: DeadLetter[];
  /** Every crash so far. */
  readonly crashes: { readonly path: string; readonly error: unknown }[];
  /** Every escalation that reached the root so far. */
  readonly escalations: { readonly path: string; readonly error: unknown }[];
  /**
   * Resolves once nothing more can happen by itself: no message waits to be handled, and each
   * effect on its way made no progress for 20 turns of the event loop, as it waits for virtual
   * time or for the test. With `effects: "all"` it waits for every effect, which is what real
   * I/O needs. Fires what is due without moving the clock.
   *
   * @throws the first crash or escalation, unless `crashesAllowed`; a fault of the kernel always.
   */
  settle(options?: { readonly effects?: "all" | "quiet" }): Promise<void>;
  /** Moves time forward, settling before the first and after each timer that fires. */
  advance(ms: number): Promise<void>;
}

/** Starts an actor system on virtual time. Unless told otherwise, a crash fails the test. */
export function testSystem(options: TestSystemOptions = {}): TestSystem {
  const { seed = 1, clock = new VirtualClock(), crashesAllowed = false, ...ports } = options;
  const deadLetters: DeadLetter[] = [];
  const crashes: { path: string; error: unknown }[] = [];
  const escalations: { path: string; error: unknown }[] = [];
  const system = createSystem({
    node: "node-test",
    random: seededRandom(seed),
    logger: silentLogger,
    metrics: noMetrics,
    ...ports,
    clock,
    onDeadLetter: (letter) => deadLetters.push(letter),
    onCrash: (path, error) => {
      crashes.push({ path, error });
      return ports.onCrash?.(path, error);
    },
    onEscalated: (path, error) => {
      escalations.push({ path, error });
      ports.onEscalated?.(path, error);
    },
  });

  const complain = (): void => {
    const faults = escalations.filter(({ path }) => path === "/");
    const [first] = crashesAllowed ? faults : [...faults, ...crashes, ...escalations];
    if (first === undefined) return;
    throw new Error(`${first.path} crashed: ${String(first.error)}`, { cause: first.error });
  };

  const settle: TestSystem["settle"] = async ({ effects = "quiet" } = {}) => {
    await quiet(system, clock, effects);
    complain();
  };

  const advance = async (ms: number): Promise<void> => {
    await settle();
    const target = clock.monotonic() + ms;
    while (clock.fireNext(target)) await settle();
    clock.advance(target - clock.monotonic());
    await settle();
  };

  return { system, clock, deadLetters, crashes, escalations, settle, advance };
}

async function quiet(
  system: ActorSystem,
  clock: VirtualClock,
  effects: "all" | "quiet",
): Promise<void> {
  let turns = -1;
  for (let rounds = 0; rounds < QUIET_ROUNDS; rounds++) {
    clock.advance(0);
    await eventLoopTurn();
    const activity = system.activity();
    const busy = activity.awake > 0 || activity.turns !== turns;
    turns = activity.turns;
    if (busy || (activity.performing > 0 && effects === "all")) rounds = -1;
    // Two rounds let promises settle that were resolved by hand; more only help effects.
    else if (activity.performing === 0 && rounds >= 2) return;
  }
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A ref that records what it is sent: the other side of the actor under test. */
export class Probe<Message> extends ExternalRef<Message> {
  readonly path: string;
  readonly received: Message[] = [];
  /** Set it to false to make the probe refuse, as a full mailbox does. */
  accepting = true;
  #taken = 0;
  readonly #waiting: ((message: Message) => void)[] = [];

  constructor(path: string) {
    super();
    this.path = path;
  }

  send(message: Message): boolean {
    if (!this.accepting) return false;
    this.received.push(message);
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      this.#taken++;
      waiting(message);
    }
    return true;
  }

  /** Resolves with the next message that no earlier `next` has had; waits for it if need be. */
  next(): Promise<Message> {
    if (this.#taken < this.received.length) {
      return Promise.resolve(this.received[this.#taken++] as Message);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The latest message; throws when there is none. */
  get last(): Message {
    if (this.received.length === 0) throw new Error(`${this.path} has received nothing`);
    return this.received[this.received.length - 1] as Message;
  }
}

export function probe<Message>(path = "/probe"): Probe<Message> {
  return new Probe(path);
}
