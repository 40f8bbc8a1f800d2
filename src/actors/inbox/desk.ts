import { RuntimeError } from "../../core/errors.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { Result } from "../../core/result.ts";
import type { Appended, InboxStore, NewInboxItem } from "../../persistence/ports/inbox.ts";
import type { Ref } from "../kernel/actor.ts";
import type { ActorSystem } from "../kernel/system.ts";
import { CLERK, clerkKind, type InboxMessage } from "./messages.ts";

/** The inbox for callers that are no actors: providers and the node itself. */
export interface InboxDesk {
  /**
   * Records items durably, all or none, and hands them to the users that are here.
   *
   * @throws RuntimeError `store.unavailable`, `mailbox.full`, `actor.stopped`; after
   * `ask.timeout` it may have been done. Repeating it with the same ids is safe.
   */
  append(items: readonly NewInboxItem[]): Promise<readonly Appended[]>;
  /** The ledger of that name, with everything in it that was settled before the call. */
  ledger(name: string): Promise<Ledger>;
  /** Resolves, with how many waited, once everything settled so far is durable. */
  flush(): Promise<number>;
}

/** How long the clerk may take to answer, in milliseconds. */
const DEADLINE_MS = 10_000;

export function inboxDesk(
  system: Pick<ActorSystem, "find" | "ask">,
  store: Pick<InboxStore, "ledger">,
): InboxDesk {
  const ask = async <T>(request: (replyTo: Ref<Result<T>>) => InboxMessage): Promise<T> => {
    const clerk = system.find(clerkKind, CLERK);
    if (clerk === undefined) throw new RuntimeError("actor.stopped", "the inbox clerk has ended");
    const outcome = await system.ask<InboxMessage, Result<T>>(clerk, request, {
      deadlineMs: DEADLINE_MS,
    });
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  };
  const flush = (): Promise<number> => ask<number>((replyTo) => ({ type: "flush", replyTo }));
  return {
    append: (items) => ask((replyTo) => ({ type: "append", items, replyTo })),
    async ledger(name) {
      await flush();
      return store.ledger(name);
    },
    flush,
  };
}
