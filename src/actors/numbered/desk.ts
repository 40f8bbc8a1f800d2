import type { Result } from "../../core/result.ts";
import type { NumberedStore } from "../../persistence/ports/numbered.ts";
import type { ActorType, Context, Ref } from "../kernel/actor.ts";
import type { NumberedMessage } from "./messages.ts";

type Message =
  | NumberedMessage
  | { readonly type: "forward"; readonly reply: (ctx: Context<Message>) => void };

/** The desk of the records that old callers know by a number. */
export function numberedDesk(store: NumberedStore): ActorType<null, Message> {
  return {
    label: "numbered",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "add-record":
          answer(ctx, message, () => store.add(message.kind, message.body));
          return state;
        case "read-record":
          answer(ctx, message, () => store.read(message.kind, message.id));
          return state;
        case "replace-record":
          answer(ctx, message, () => store.replace(message.kind, message.record));
          return state;
        case "list-records":
          answer(ctx, message, () => store.list(message.kind, message.request));
          return state;
        case "forward":
          message.reply(ctx);
          return state;
      }
    },
    restart: "permanent",
  };
}

function answer<Answer>(
  ctx: Context<Message>,
  request: { readonly replyTo: Ref<Result<Answer>> },
  effect: () => Promise<Answer>,
): void {
  ctx.perform(effect, (outcome) => ({
    type: "forward",
    reply: (later) => later.reply(request, outcome),
  }));
}
