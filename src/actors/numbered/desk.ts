import type { NumberedStore } from "../../persistence/ports/numbered.ts";
import type { ActorType } from "../kernel/actor.ts";
import { answer, type Forward } from "../kernel/answer.ts";
import type { NumberedMessage } from "./messages.ts";

type Message = NumberedMessage | Forward;

/** The desk of the records that old callers know by a number. */
export function numberedDesk(store: NumberedStore): ActorType<null, Message> {
  return {
    label: "numbered",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "add-record":
          return answer(state, ctx, message, () => store.add(message.kind, message.body));
        case "read-record":
          return answer(state, ctx, message, () => store.read(message.kind, message.id));
        case "replace-record":
          return answer(state, ctx, message, () => store.replace(message.kind, message.record));
        case "list-records":
          return answer(state, ctx, message, () => store.list(message.kind, message.request));
        case "forward":
          message.reply(ctx);
          return state;
      }
    },
    restart: "permanent",
  };
}
