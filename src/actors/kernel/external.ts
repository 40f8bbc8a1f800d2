import type { EndReason, Ref } from "./actor.ts";
import { Cell, type Watchable, type Watcher } from "./cell.ts";
import { tellWatchers } from "./watch.ts";

/**
 * A ref to something that is not an actor of this node: a connection, a remote actor, a probe.
 *
 * Gateways extend it and have one object per connection: two fields, the rest is inherited. An
 * actor that watches it is told when `end` is called. `send` is called while an actor's effects
 * are carried out, so it must not throw and should not take long.
 */
export abstract class ExternalRef<in Message> implements Ref<Message>, Watchable {
  watchers: Watcher | undefined = undefined;
  endReason: EndReason | undefined = undefined;

  abstract get path(): string;
  abstract send(message: Message): boolean;

  /** Empty: not an actor of any node. */
  get node(): string {
    return "";
  }

  get incarnation(): number {
    return 0;
  }

  /** Tells those who watch that it is gone. Once; later calls do nothing. */
  end(reason: EndReason): void {
    if (this.endReason !== undefined) return;
    this.endReason = reason;
    tellWatchers(this, reason);
  }
}

/** An `ExternalRef` from a function. `send` returns false to refuse a message. */
export function externalRef<Message>(
  path: string,
  send: (message: Message) => boolean,
): ExternalRef<Message> {
  return new FunctionRef(path, send);
}

/**
 * Sends at once, past the limit of a mailbox: what must not get lost, and is bounded by something
 * else, as by the connections whose end it tells. Actors have `ctx.sendAnyway`.
 */
export function sendAnyway<T>(to: Ref<T>, message: T): void {
  if (to instanceof Cell) to.sendAnyway(message);
  else to.send(message);
}

class FunctionRef<in Message> extends ExternalRef<Message> {
  readonly path: string;
  readonly #send: (message: Message) => boolean;

  constructor(path: string, send: (message: Message) => boolean) {
    super();
    this.path = path;
    this.#send = send;
  }

  send(message: Message): boolean {
    return this.#send(message);
  }
}
